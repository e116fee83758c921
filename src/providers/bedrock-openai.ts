import { METRICS } from "../formats/bedrock-invoke/metrics.ts";
import { asArray, asNumber, asObject, isObject, type Json, type JsonObject } from "../json/json.ts";
import { bedrockCall, bedrockUrl, invokeUrl } from "./bedrock-address.ts";
import { exceptionFrame } from "./bedrock-exceptions.ts";
import { type ChatRepairs, finishWithToolCalls, reasoningContent, repairChat } from "./openai-compatible/normalise.ts";
import { chatRules } from "./openai-compatible/openai-compatible.ts";
import type { Endpoint } from "./provider.ts";

const REPAIRS: ChatRepairs = { messages: [reasoningContent], top: [finishWithToolCalls] };

/** Chat Completions of Bedrock's servers call thinking `reasoning`. */
export function bedrockOpenaiAnswer(body: JsonObject): JsonObject {
  return repairChat(body, REPAIRS);
}

const FRAME_REPAIRS: ChatRepairs = { messages: [reasoningContent] };

export function bedrockOpenaiFrame(frame: JsonObject): JsonObject {
  return repairChat(frame, FRAME_REPAIRS);
}

/** Frames that `bedrockOpenaiFrame` may change. */
export const REASONING_MARKS: readonly string[] = ['"reasoning"'];

/**
 * Chat Completions on the runtime's host, for OpenAI's open models
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-chat-completions.html, 2026-11-24).
 */
export const RUNTIME_OPENAI: Endpoint = {
  format: "openai-chat",
  path: (call) => bedrockUrl(call, "bedrock-runtime", "/openai/v1/chat/completions"),
  parameters: chatRules({
    custom: (body, call) => {
      body.model = bedrockCall(call).id;
    },
  }),
  normaliseResponse: bedrockOpenaiAnswer,
  normaliseFrame: bedrockOpenaiFrame,
  frameMarks: REASONING_MARKS,
};

/** Makers whose InvokeModel body is Chat Completions (Jamba, Mistral's chat models, Qwen, gpt-oss, DeepSeek, …). */
export const INVOKE_OPENAI: Endpoint = {
  format: "openai-chat",
  path: invokeUrl,
  framing: "aws-event-stream",
  streamUsageOption: false,
  parameters: chatRules({
    rename: { max_completion_tokens: "max_tokens" },
    custom: (body) => {
      // The address says both; Mistral's models refuse them in the body.
      delete body.model;
      delete body.stream;
    },
  }),
  normaliseResponse: (body) => bedrockOpenaiAnswer(withFinishReasons(body)),
  normaliseFrame: invokeFrame,
  frameMarks: [...REASONING_MARKS, '"__type":', '"stop_reason"', METRICS],
};

/**
 * Mistral writes `stop_reason`, and in streams `message` where a delta should stand
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-mistral-chat-completion.html, 2026-11-24).
 */
function withFinishReasons(body: JsonObject, streamed = false): JsonObject {
  const choices = asArray(body.choices);
  if (!choices.some(isMistral)) return body;
  return { ...body, choices: choices.map((choice) => (isMistral(choice) ? openaiChoice(choice, streamed) : choice)) };
}

function isMistral(choice: Json): choice is JsonObject {
  return isObject(choice) && choice.stop_reason !== undefined && choice.finish_reason === undefined;
}

function openaiChoice(choice: JsonObject, streamed: boolean): JsonObject {
  const { stop_reason: reason, message, ...rest } = choice;
  const said = message === undefined ? {} : streamed ? { delta: message } : { message };
  return { ...rest, ...said, finish_reason: reason };
}

function invokeFrame(frame: JsonObject): JsonObject {
  if (frame.__type !== undefined) return exceptionFrame(frame);
  const body = bedrockOpenaiFrame(withFinishReasons(frame, true));
  const metrics = asObject(body[METRICS]);
  if (body.usage !== undefined || metrics === undefined) return body;
  const input = asNumber(metrics.inputTokenCount) ?? 0;
  const output = asNumber(metrics.outputTokenCount) ?? 0;
  return { ...body, usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } };
}
