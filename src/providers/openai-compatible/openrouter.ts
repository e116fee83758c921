import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, type JsonObject, parseJson } from "../../json/json.ts";
import { readEnvironment } from "../credentials.ts";
import { codeOfStatus } from "../error-status.ts";
import { reasoningContent, repairChat } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

const repair = (body: JsonObject) => repairChat(body, { messages: [reasoningContent], finish: { error: "stop" } });
const repairFrame = (body: JsonObject) => repairChat(body, { messages: [reasoningContent] });

/** The integer in the body is the status of the provider behind, and beats that of the answer. */
function classifyError(failure: UpstreamFailure, status: number, body: string): UpstreamFailure {
  const code = asNumber(asObject(asObject(parseJson(body))?.error)?.code);
  if (code === undefined || code === status || code < 400 || code > 599) return failure;
  return { ...failure, code: codeOfStatus(code), upstreamStatus: code };
}

export const openrouter: OpenAiCompatibleRow = {
  id: "openrouter",
  label: "OpenRouter",
  documentation: "https://openrouter.ai/docs/api-reference/overview",
  base: "https://openrouter.ai/api/v1",
  keys: ["OPENROUTER_API_KEY", "OR_API_KEY"],
  bases: ["OPENROUTER_API_BASE"],
  serves: ["chat", "responses", "completions", "embeddings", "rerank", "image-generation", "speech"],
  owner: "openrouter",
  parameters: { keepCacheControl: true },
  // Who asks, for OpenRouter's rankings; nothing is sent unless it was set.
  headers: (_key, { environment }) => {
    const site = readEnvironment(environment, ["OR_SITE_URL"]);
    const app = readEnvironment(environment, ["OR_APP_NAME"]);
    return {
      ...(site === undefined ? {} : { "http-referer": site }),
      ...(app === undefined ? {} : { "x-title": app }),
    };
  },
  normaliseResponse: repair,
  normaliseFrame: repairFrame,
  frameMarks: ['"reasoning"'],
  classifyError,
};
