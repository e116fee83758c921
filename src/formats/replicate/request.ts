import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message, Part } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { plainPrompt, templateOf, turnsOf } from "../prompt.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { type InputNames, inputNames } from "./input-names.ts";

/** Members of a prediction's body that stand beside `input` (https://replicate.com/docs/reference/http, 2026-11-24). */
const BODY_FIELDS = new Set(["webhook", "webhook_events_filter"]);
/** A model's version: 64 hexadecimal digits behind its name. */
const VERSION = /:([0-9a-f]{64})$/;

/** The version that a model name ends with, if any. */
export function versionOf(model: string): string | undefined {
  return VERSION.exec(model)?.[1];
}

/** Conversation → body of a new prediction. Fields that the conversation has no word for are inputs of the model. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const names = inputNames(context.model);
  const input: MutableJsonObject = {};
  const body: MutableJsonObject = {};
  encodeMessages(request.messages, names, context, input);
  encodeSampling(request, names, input, report);
  reportInexpressible(request, "replicate", EXPRESSIBLE, report);
  spreadExtensions(request, body, input, report);
  const version = versionOf(context.model);
  return {
    ...(version === undefined ? {} : { version }),
    ...body,
    input,
    ...(request.stream === true ? { stream: true } : {}),
  };
}

function encodeMessages(
  messages: readonly Message[],
  names: InputNames,
  context: RequestContext,
  input: MutableJsonObject,
): void {
  const { report } = context;
  const { system, turns } = turnsOf(messages);
  encodeImages(messages, names, input, report);
  // Replicate's models put their own template around a single question.
  const single = turns.length < 2;
  if (!single) report.converted("messages", "the conversation is written into the model's inputs");
  if (names.messages && !single) {
    input.messages = [
      ...(system === "" ? [] : [{ role: "system", content: system }]),
      ...turns.map(({ role, text }) => ({ role, content: text })),
    ];
    return;
  }
  const template = single ? undefined : templateOf(context.model);
  if (template !== undefined) {
    input.prompt = template(system, turns);
    // What the model would put around the prompt stands in it already.
    input.prompt_template = "{prompt}";
    return;
  }
  if (names.system !== undefined && system !== "") input[names.system] = system;
  input.prompt = plainPrompt(names.system === undefined ? system : "", turns);
}

function encodeImages(
  messages: readonly Message[],
  names: InputNames,
  input: MutableJsonObject,
  report: ParameterReport,
): void {
  const images = messages.flatMap((message) => message.parts.flatMap((part) => imageUrl(part, report)));
  const [last] = images.slice(-1);
  if (last === undefined) return;
  if (names.image.takes === "list") {
    input[names.image.name] = images;
    return;
  }
  input[names.image.name] = last;
  if (images.length > 1) report.unsupported("messages.image", "the model takes one image: the last one was sent");
}

function imageUrl(part: Part, report: ParameterReport): string[] {
  switch (part.type) {
    case "image":
      if (part.source.type === "url") return [part.source.url];
      if (part.source.type === "base64") return [`data:${part.source.mediaType};base64,${part.source.data}`];
      report.unsupported("messages.image", "Replicate takes images as web address or base64");
      return [];
    case "audio":
    case "video":
      report.unsupported(`messages.${part.type}`, "a conversation on Replicate holds text and images");
      return [];
    case "file":
      if (part.source.type !== "text") {
        report.unsupported("messages.file", "a conversation on Replicate holds text and images");
      }
      return [];
    case "thinking":
      report.dropped("messages.thinking", "Replicate's models get no thinking back");
      return [];
    default:
      return [];
  }
}

function encodeSampling(
  request: ConversationRequest,
  names: InputNames,
  input: MutableJsonObject,
  report: ParameterReport,
): void {
  const { sampling } = request;
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) input[name] = value;
  };
  put(names.maxTokens, sampling.maxOutputTokens);
  put("temperature", sampling.temperature);
  put("top_p", sampling.topP);
  put("top_k", sampling.topK);
  put("min_p", sampling.minP);
  put("seed", sampling.seed);
  put("presence_penalty", sampling.presencePenalty);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("repetition_penalty", sampling.repetitionPenalty);
  if (sampling.stop !== undefined) {
    put("stop_sequences", names.stop === "text" ? sampling.stop.join(",") : sampling.stop);
    if (sampling.stop.some((sequence) => sequence.includes(","))) {
      report.converted("stop", "Replicate's models part stop sequences at commas");
    }
  }
  const effort = request.reasoning?.effort;
  if (effort !== undefined) put("reasoning_effort", effort);
}

function spreadExtensions(
  request: ConversationRequest,
  body: MutableJsonObject,
  input: MutableJsonObject,
  report: ParameterReport,
): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    if (extensions.format !== "openai-chat" && extensions.format !== "replicate") {
      report.dropped(name, `only ${extensions.format} knows it`);
    } else if (BODY_FIELDS.has(name)) body[name] = value;
    else input[name] ??= value;
  }
}
