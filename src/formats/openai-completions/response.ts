import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { Choice, ConversationResponse } from "../conversation.ts";
import type { AnswerContext } from "../format.ts";
import { decodeFinish, encodeFinish } from "../openai-chat/finish.ts";
import { encodeUsage, usageOf } from "../openai-chat/usage.ts";
import { decodeLogprobs, encodeLogprobs } from "./logprobs.ts";
import { FORMAT } from "./request-decode.ts";

const ANSWER_MEMBERS = new Set(["id", "object", "created", "model", "choices", "usage", "system_fingerprint"]);
const CHOICE_MEMBERS = new Set(["index", "text", "logprobs", "finish_reason", "delta"]);

/** Text completion → conversation. */
export function decodeResponse(body: JsonObject): ConversationResponse {
  const id = asString(body.id);
  const created = asNumber(body.created);
  const model = asString(body.model);
  const fingerprint = asString(body.system_fingerprint);
  const usage = usageOf(body);
  const extensions = others(body, ANSWER_MEMBERS);
  return {
    ...(id === undefined || id === "" ? {} : { id }),
    ...(created === undefined || created === 0 ? {} : { created }),
    ...(model === undefined ? {} : { model }),
    ...(fingerprint === undefined ? {} : { systemFingerprint: fingerprint }),
    choices: asArray(body.choices).filter(isObject).map(decodeChoice),
    ...(usage === undefined ? {} : { usage }),
    ...(extensions === undefined ? {} : { extensions: { format: FORMAT, fields: extensions } }),
  };
}

function decodeChoice(choice: JsonObject, position: number): Choice {
  const text = textOf(choice);
  const raw = asString(choice.finish_reason);
  const logprobs = decodeLogprobs(choice.logprobs);
  const native = others(choice, CHOICE_MEMBERS);
  // vLLM names the sequence that it stopped at.
  const stopSequence = asString(choice.stop_reason);
  return {
    index: asNumber(choice.index) ?? position,
    parts: text === "" ? [] : [{ type: "text", text }],
    finish: decodeFinish(raw, false),
    ...(raw === undefined ? {} : { rawFinish: raw }),
    ...(stopSequence === undefined ? {} : { stopSequence }),
    ...(logprobs === undefined ? {} : { logprobs }),
    ...(native === undefined ? {} : { native: { format: FORMAT, value: native } }),
  };
}

/** The choice's text; servers that answer with a message keep it there. */
export function textOf(choice: JsonObject): string {
  return asString(choice.text) ?? asString(asObject(choice.message)?.content) ?? "";
}

function others(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: MutableJsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined && value !== null && !known.has(name)) rest[name] = value;
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** Conversation → text completion. Text alone has a place in it. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  return {
    id: completionId(response.id, context),
    object: "text_completion",
    created: response.created ?? context.now,
    model: context.model,
    choices: response.choices.map(encodeChoice),
    ...(response.usage === undefined ? {} : { usage: encodeUsage(response.usage) }),
    ...(response.systemFingerprint === undefined ? {} : { system_fingerprint: response.systemFingerprint }),
    ...(response.extensions?.format === FORMAT ? response.extensions.fields : {}),
  };
}

function encodeChoice(choice: Choice): JsonObject {
  const text = choice.parts.map((part) => (part.type === "text" || part.type === "refusal" ? part.text : "")).join("");
  return {
    text,
    index: choice.index,
    logprobs: encodeLogprobs(choice.logprobs, 0),
    finish_reason: encodeFinish(choice.finish),
    ...(choice.native?.format === FORMAT ? choice.native.value : {}),
  };
}

/** The answer's own id, or one of the gateway's in this API's form. */
export function completionId(id: string | undefined, context: AnswerContext): string {
  return id ?? context.fallbackId.replace(/^chatcmpl-/, "cmpl-");
}
