import {
  asArray,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import { stripToolSchemas } from "../parameter-schemas.ts";
import type { Call, OutboundRequest, ParameterRules, Send } from "../provider.ts";
import { repairChat, textContent } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

const repair = (body: JsonObject) =>
  repairChat(body, { messages: [textContent], finish: { model_length: "length", error: "stop" } });

/** Schema keywords that Mistral's tools refuse. */
const REFUSED_KEYWORDS = ["$id", "$schema", "additionalProperties", "strict"];

function mistralBody(body: MutableJsonObject, call: Call): void {
  if (body.tool_choice === "required") {
    body.tool_choice = "any";
    call.report.converted("tool_choice", "Mistral's word for required is any");
  }
  stripToolSchemas(body, REFUSED_KEYWORDS, call.report);
  const messages = asArray(body.messages);
  if (messages.some(hasForeignId)) {
    body.messages = messages.map(withMistralIds);
    call.report.converted("messages[].tool_calls[].id", "Mistral takes only ids of nine letters and digits");
  }
  stripNames(body, call);
}

const MISTRAL_ID = /^[A-Za-z0-9]{9}$/;

function hasForeignId(message: Json): boolean {
  if (!isObject(message)) return false;
  const answered = message.tool_call_id;
  if (typeof answered === "string" && !MISTRAL_ID.test(answered)) return true;
  return asArray(message.tool_calls).some((call) => {
    const id = asObject(call)?.id;
    return typeof id === "string" && !MISTRAL_ID.test(id);
  });
}

/** The same id becomes the same nine characters in the call and in its result. */
function withMistralIds(message: Json): Json {
  if (!isObject(message) || !hasForeignId(message)) return message;
  const copy: MutableJsonObject = { ...message };
  if (typeof message.tool_call_id === "string") copy.tool_call_id = mistralId(message.tool_call_id);
  if (Array.isArray(message.tool_calls)) {
    copy.tool_calls = (message.tool_calls as readonly Json[]).map((call) =>
      isObject(call) && typeof call.id === "string" ? { ...call, id: mistralId(call.id) } : call,
    );
  }
  return copy;
}

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A foreign id hashed (FNV-1a, 64 bit) to nine letters and digits; Mistral's own ids stay. */
export function mistralId(id: string): string {
  if (MISTRAL_ID.test(id)) return id;
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(id)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  let text = "";
  for (let index = 0; index < 9; index++) {
    text += ALPHABET[Number(hash % 62n)];
    hash /= 62n;
  }
  return text;
}

/** `name` is known on tool results only. */
function stripNames(body: MutableJsonObject, call: Call): void {
  const messages = asArray(body.messages);
  const named = (message: Json) => isObject(message) && message.name !== undefined && message.role !== "tool";
  if (!messages.some(named)) return;
  body.messages = messages.map((message) => {
    if (!named(message)) return message;
    const { name: _, ...rest } = message as JsonObject;
    return rest;
  });
  call.report.dropped("messages[].name", "Mistral knows names on tool results only");
}

const REFUSED = "Mistral refuses it (https://docs.mistral.ai/api/endpoint/chat, 2026-11-24)";

const PARAMETERS: ParameterRules = {
  rename: { max_completion_tokens: "max_tokens", seed: "random_seed" },
  unsupported: { logit_bias: REFUSED, logprobs: REFUSED, top_logprobs: REFUSED },
  remove: { user: REFUSED, store: REFUSED, stream_options: "usage comes with every stream" },
  removeMessageFields: ["annotations", "audio", "function_call", "reasoning_content", "refusal"],
  custom: mistralBody,
};

const SOUND_TYPES: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  opus: "audio/ogg",
  flac: "audio/flac",
  wav: "audio/wav",
  pcm: "audio/pcm",
};

/** The sound comes as base64 inside JSON (https://docs.mistral.ai/api/endpoint/audio/speech, 2026-11-24). */
async function speak(request: OutboundRequest, send: Send): Promise<Response> {
  const response = await send(request);
  if (!response.ok || !(response.headers.get("content-type") ?? "").includes("json")) return response;
  const answer = asObject(parseJson(await response.text()));
  const format = asString(
    asObject(typeof request.body === "string" ? parseJson(request.body) : undefined)?.response_format,
  );
  const sound = Uint8Array.from(atob(asString(answer?.audio_data) ?? ""), (character) => character.charCodeAt(0));
  return new Response(sound, {
    headers: { "content-type": SOUND_TYPES[format ?? "mp3"] ?? "application/octet-stream" },
  });
}

export const mistral: OpenAiCompatibleRow = {
  id: "mistral",
  label: "Mistral",
  documentation: "https://docs.mistral.ai/api",
  base: "https://api.mistral.ai/v1",
  keys: ["MISTRAL_API_KEY"],
  bases: ["MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"],
  serves: ["chat", "embeddings", "transcription", "moderation", "ocr"],
  endpoints: { speech: [{ format: "openai-chat", path: "/audio/speech", exchange: speak }] },
  owner: "mistral",
  parameters: PARAMETERS,
  rules: { embeddings: { remove: { user: REFUSED } } },
  streamUsageOption: false,
  normaliseResponse: repair,
  normaliseFrame: repair,
  frameMarks: ['"content":[', '"content": [', "model_length", '"error"'],
};

/** Code models; `prompt` and `suffix` go to `/fim/completions`. */
export const codestral: OpenAiCompatibleRow = {
  id: "codestral",
  aliases: ["text-completion-codestral"],
  label: "Codestral",
  documentation: "https://docs.mistral.ai/capabilities/code_generation",
  base: "https://codestral.mistral.ai/v1",
  keys: ["CODESTRAL_API_KEY"],
  bases: ["CODESTRAL_API_BASE"],
  serves: ["chat", "completions"],
  paths: { completions: "/fim/completions" },
  owner: "mistral",
  parameters: PARAMETERS,
  streamUsageOption: false,
  normaliseResponse: repair,
};
