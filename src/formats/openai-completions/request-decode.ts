import { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Sampling } from "../conversation.ts";

export const FORMAT = "openai-completions";

const KNOWN = new Set([
  "model",
  "prompt",
  "stream",
  "stream_options",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "seed",
  "stop",
  "n",
  "presence_penalty",
  "frequency_penalty",
  "repetition_penalty",
  "logit_bias",
  "logprobs",
  "user",
]);

/** Text completion body → conversation (https://platform.openai.com/docs/api-reference/completions/create, 2026-11). */
export function decodeRequest(body: JsonObject): ConversationRequest {
  const model = typed(body, "model", "string");
  const stream = typed(body, "stream", "boolean");
  const user = typed(body, "user", "string");
  const options = asObject(body.stream_options);
  const extensions: MutableJsonObject = {};
  for (const [name, value] of Object.entries(body)) {
    if (value !== undefined && value !== null && !KNOWN.has(name)) extensions[name] = value;
  }
  return {
    model: model ?? "",
    messages: [
      { role: "user", parts: [{ type: "text", text: promptOf(body.prompt) }], native: { format: FORMAT, value: {} } },
    ],
    sampling: decodeSampling(body),
    ...(stream === undefined ? {} : { stream }),
    ...(options?.include_usage === true ? { includeUsage: true } : {}),
    ...(user === undefined ? {} : { user }),
    ...(Object.keys(extensions).length === 0 ? {} : { extensions: { format: FORMAT, fields: extensions } }),
  };
}

/** The one text that a conversation can be made of. Several prompts, and tokens, reach only providers of this API. */
function promptOf(prompt: Json | undefined): string {
  const refuse = (message: string): never => {
    throw new GatewayError("invalid_request", message, { param: "prompt" });
  };
  if (prompt === undefined || prompt === null) return refuse("Missing required parameter: 'prompt'.");
  if (typeof prompt === "string") return prompt;
  if (!Array.isArray(prompt)) return refuse("prompt must be a string or a list.");
  const list = prompt as readonly Json[];
  const [only] = list;
  if (list.length === 1 && typeof only === "string") return only;
  if (list.some((item) => typeof item === "number" || Array.isArray(item))) {
    return refuse("prompt is a list of tokens, which only a provider of text completions can read: send text instead.");
  }
  if (list.every((item) => typeof item === "string") && list.length > 1) {
    return refuse(
      `prompt holds ${list.length} texts, and this model takes one at a time: send a request for each of them.`,
    );
  }
  return refuse("prompt must be a text or a list with one text.");
}

function decodeSampling(body: JsonObject): Sampling {
  const number = (name: string): number | undefined => typed(body, name, "number");
  const logprobs = body.logprobs === false ? undefined : body.logprobs === true ? 1 : number("logprobs");
  const logitBias = body.logit_bias === undefined || body.logit_bias === null ? undefined : body.logit_bias;
  if (logitBias !== undefined && !isObject(logitBias)) {
    throw new GatewayError("invalid_request", "logit_bias must be an object.", { param: "logit_bias" });
  }
  const entries: readonly (readonly [keyof Sampling, Sampling[keyof Sampling] | undefined])[] = [
    ["maxOutputTokens", number("max_tokens")],
    ["temperature", number("temperature")],
    ["topP", number("top_p")],
    ["topK", number("top_k")],
    ["minP", number("min_p")],
    ["seed", number("seed")],
    ["n", number("n")],
    ["presencePenalty", number("presence_penalty")],
    ["frequencyPenalty", number("frequency_penalty")],
    ["repetitionPenalty", number("repetition_penalty")],
    ["stop", stopOf(body.stop)],
    ["logitBias", logitBias],
    ["logprobs", logprobs === undefined ? undefined : true],
    ["topLogprobs", logprobs],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Sampling;
}

function stopOf(stop: Json | undefined): readonly string[] | undefined {
  if (stop === undefined || stop === null) return undefined;
  const list: readonly Json[] = Array.isArray(stop) ? stop : [stop as Json];
  const texts = list.filter((item) => typeof item === "string");
  if (texts.length < list.length) {
    throw new GatewayError("invalid_request", "stop must be a string or a list of strings.", { param: "stop" });
  }
  return texts;
}

interface Types {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

function typed<T extends keyof Types>(body: JsonObject, name: string, type: T): Types[T] | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== type) throw new GatewayError("invalid_request", `${name} must be a ${type}.`, { param: name });
  return value as unknown as Types[T];
}
