import { asArray, asNumber, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import { issuedToken } from "../oauth-token.ts";
import type { Call, OutboundRequest, Provider, Send } from "../provider.ts";
import { openaiCompatible } from "./openai-compatible.ts";

const BASE = "https://api.githubcopilot.com";
const TOKEN_URL = "https://api.github.com/copilot_internal/v2/token";
const EDITOR = {
  "editor-version": "vscode/1.104.1",
  "editor-plugin-version": "copilot-chat/0.31.0",
  "copilot-integration-id": "vscode-chat",
};

/** Whether a turn continues an agent's loop, and whether an image has to be seen: both are billed differently. */
function turnHeaders(body: JsonObject): Record<string, string> {
  const turns = Array.isArray(body.messages) ? body.messages : asArray(body.input);
  const agent = turns.some(
    (turn: Json) =>
      isObject(turn) && (turn.role === "assistant" || turn.role === "tool" || turn.type === "function_call_output"),
  );
  const sees = turns.some((turn: Json) => {
    const content = asObject(turn)?.content;
    return Array.isArray(content) && content.some((part: Json) => /image/.test(asString(asObject(part)?.type) ?? ""));
  });
  return { "x-initiator": agent ? "agent" : "user", ...(sees ? { "copilot-vision-request": "true" } : {}) };
}

const row = openaiCompatible({
  id: "github_copilot",
  label: "GithubCopilot",
  documentation: "https://docs.github.com/copilot",
  base: BASE,
  keys: ["GITHUB_COPILOT_TOKEN", "GITHUB_COPILOT_API_KEY"],
  bases: ["GITHUB_COPILOT_API_BASE"],
  serves: ["chat", "responses", "embeddings"],
  headers: () => EDITOR,
});

/** The GitHub token of the account buys a short-lived Copilot token, which also says where the account is served. */
async function sign(request: OutboundRequest, call: Call, send: Send): Promise<OutboundRequest> {
  const github = call.target.headers.authorization?.replace(/^Bearer /, "");
  if (github === undefined) return request;
  const issued = await issuedToken({
    issuer: "GitHub",
    name: JSON.stringify([TOKEN_URL, github]),
    send,
    request: {
      method: "GET",
      url: TOKEN_URL,
      headers: { ...EDITOR, authorization: `token ${github}`, accept: "application/json" },
      body: undefined,
    },
    read: (answer, now) => {
      const token = asString(answer.token);
      if (token === undefined) return undefined;
      const expiresAt = asNumber(answer.expires_at);
      const lifetime = expiresAt === undefined ? 1_500 : Math.max(expiresAt - now / 1_000, 0);
      const base = asString(asObject(answer.endpoints)?.api);
      return { token, lifetime, ...(base === undefined ? {} : { base }) };
    },
  });
  const own = issued.base !== undefined && request.url.startsWith(`${BASE}/`);
  return {
    ...request,
    url: own ? `${issued.base}${request.url.slice(BASE.length)}` : request.url,
    headers: { ...request.headers, authorization: `Bearer ${issued.token}` },
  };
}

const chat = (row.endpoints.chat ?? []).map((endpoint) => ({ ...endpoint, bodyHeaders: turnHeaders }));

export const githubCopilot: Provider = { ...row, endpoints: { ...row.endpoints, chat }, sign };
