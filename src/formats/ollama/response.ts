import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import { inputTokens, outputTokens } from "../../usage/usage.ts";
import type { ConversationResponse, FinishReason, Part } from "../conversation.ts";
import type { AnswerContext, ResponseContext } from "../format.ts";
import { callPrefix, createdOf, decodeFinish, decodeLogprobs, decodeUsage, timingsOf } from "./answer.ts";
import { CallIds, encodeCall } from "./tool-calls.ts";

/** Answer of `/api/chat`, or of `/api/generate` (`response` instead of `message`) → conversation. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const message = asObject(body.message);
  const parts: Part[] = [];
  const thinking = asString(message?.thinking) ?? asString(body.thinking) ?? "";
  if (thinking !== "") parts.push({ type: "thinking", text: thinking });
  const text = asString(message?.content) ?? asString(body.response) ?? "";
  if (text !== "") parts.push({ type: "text", text });
  const ids = new CallIds(callPrefix(body));
  const calls = asArray(message?.tool_calls).filter(isObject);
  for (const call of calls) parts.push({ type: "tool-call", ...ids.call(call) });
  const created = createdOf(body);
  const model = asString(body.model);
  const raw = asString(body.done_reason);
  const usage = decodeUsage(body, context);
  const extensions = timingsOf(body);
  const logprobs = decodeLogprobs(body.logprobs);
  return {
    ...(created === undefined ? {} : { created }),
    ...(model === undefined ? {} : { model }),
    choices: [
      {
        index: 0,
        parts,
        finish: decodeFinish(raw, calls.length > 0),
        ...(raw === undefined ? {} : { rawFinish: raw }),
        ...(logprobs === undefined ? {} : { logprobs }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

/** Conversation → answer of `/api/chat`. Ollama knows one choice. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  const [choice] = response.choices;
  const parts = choice?.parts ?? [];
  const calls = parts.filter((part) => part.type === "tool-call");
  const thinking = parts.map((part) => (part.type === "thinking" ? part.text : "")).join("");
  const logprobs = asObject(choice?.logprobs)?.content;
  return {
    model: context.model,
    created_at: timeOf(response.created ?? context.now),
    message: {
      role: "assistant",
      content: parts.map(visibleText).join(""),
      ...(thinking === "" ? {} : { thinking }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, index) => encodeCall(call, index)) }),
    },
    done: true,
    done_reason: encodeFinish(choice?.finish),
    ...(Array.isArray(logprobs) ? { logprobs: logprobs as Json } : {}),
    ...(response.extensions?.format === "ollama" ? response.extensions.fields : {}),
    ...countsOf(response),
  };
}

/** What a part adds to `content`. */
export function visibleText(part: Part): string {
  if (part.type === "text" || part.type === "refusal") return part.text;
  return part.type === "audio" ? (part.transcript ?? "") : "";
}

export function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

export function encodeFinish(reason: FinishReason | undefined): string {
  return reason === "length" ? "length" : "stop";
}

export function countsOf({ usage }: Pick<ConversationResponse, "usage">): JsonObject {
  if (usage === undefined) return {};
  const cached = usage.buckets.cache_read ?? 0;
  return {
    prompt_eval_count: inputTokens(usage),
    ...(cached === 0 ? {} : { prompt_eval_cached_count: cached }),
    eval_count: outputTokens(usage),
  };
}
