import { asArray, asObject, asString, type JsonObject, parseJson } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { parseBase, withoutPath } from "./base-url.ts";
import { readBase, readKey } from "./credentials.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";

const BASE = "http://localhost:11434";
const KEY_VARIABLES = ["OLLAMA_API_KEY"];
const BASE_VARIABLES = ["OLLAMA_API_BASE", "OLLAMA_HOST"];
const BASE_ENDINGS = ["/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api", "/v1"];

function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES) ?? BASE;
  // Ollama's own variable may hold a bare host and port.
  const parsed = parseBase(/^[a-z]+:\/\//i.test(written) ? written : `http://${written}`);
  if ("code" in parsed) return parsed;
  const address = withoutPath(parsed, BASE_ENDINGS);
  const key = readKey(input, KEY_VARIABLES);
  return {
    base: address.base,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    credentials: {},
    ...(address.query === undefined ? {} : { query: address.query }),
  };
}

const CHAT: Endpoint = { format: "ollama", path: "/api/chat", framing: "ndjson" };
const EMBEDDINGS: Endpoint = { format: "ollama", path: "/api/embed", exchange: embed };

/** https://docs.ollama.com/api/embed (2026-11-24) */
async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { encoding_format: encoding, user: _, ...body } = asked;
  const response = await send({ ...request, body: JSON.stringify(body) });
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text()));
  const tokens = answer?.prompt_eval_count;
  return Response.json(
    embeddingsAnswer({
      model: asString(answer?.model) ?? call.model,
      vectors: asArray(answer?.embeddings),
      encoding,
      tokens: typeof tokens === "number" ? tokens : undefined,
    }),
  );
}

/**
 * LiteLLM's `ollama/` calls `/api/generate`. A single question says the same there as in a chat; whatever needs a
 * conversation (history, tools) goes to `/api/chat`, which renders it with the model's own template.
 */
async function preferGenerate(request: OutboundRequest): Promise<OutboundRequest> {
  const body = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined);
  const generate = body === undefined ? undefined : asGenerate(body);
  if (generate === undefined) return request;
  const url = request.url.replace("/api/chat", "/api/generate");
  return { ...request, url, body: JSON.stringify(generate) };
}

function asGenerate(body: JsonObject): JsonObject | undefined {
  const { messages, tools, ...rest } = body;
  const said = asArray(messages).map(asObject);
  const question = said.at(-1);
  const before = said.slice(0, -1);
  if (tools !== undefined || question?.role !== "user") return undefined;
  if (before.some((message) => message?.role !== "system")) return undefined;
  const system = before.map((message) => asString(message?.content) ?? "").join("\n\n");
  return {
    ...rest,
    prompt: question.content,
    ...(system === "" ? {} : { system }),
    ...(question.images === undefined ? {} : { images: question.images }),
  };
}

/** Conversations over Ollama's chat endpoint. */
export const ollamaChat: Provider = {
  id: "ollama_chat",
  label: "Ollama",
  documentation: { url: "https://docs.ollama.com/api/chat", read: "2026-11-24" },
  owner: "ollama",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  defaultBase: BASE,
  hosts: ["ollama.com"],
  key: "optional",
  endpoints: { chat: [CHAT], embeddings: [EMBEDDINGS] },
  configure,
};

/** The same server; single questions go to its generate endpoint. */
export const ollama: Provider = {
  ...ollamaChat,
  id: "ollama",
  hosts: [],
  sign: (request, call) => (call.operation === "chat" ? preferGenerate(request) : Promise.resolve(request)),
};
