import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { Bucket, Usage } from "../../usage/usage.ts";
import type { ConversationResponse, FinishReason } from "../conversation.ts";
import type { ResponseContext } from "../format.ts";

/** Answer of watsonx's text generation → conversation. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const result = resultOf(body);
  const text = asString(result?.generated_text) ?? "";
  const raw = asString(result?.stop_reason);
  const created = Date.parse(asString(body.created_at) ?? "");
  const usage = readUsage(body);
  return {
    ...(Number.isNaN(created) ? {} : { created: Math.floor(created / 1000) }),
    model: asString(body.model_id) ?? context.model,
    choices: [
      {
        index: 0,
        parts: text === "" ? [] : [{ type: "text", text }],
        finish: decodeFinish(raw),
        ...(raw === undefined ? {} : { rawFinish: raw }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  };
}

export function resultOf(body: JsonObject): JsonObject | undefined {
  return asObject(asArray(body.results)[0]);
}

const FINISHES: Readonly<Record<string, FinishReason>> = {
  max_tokens: "length",
  token_limit: "length",
  time_limit: "length",
  error: "error",
  cancelled: "error",
};

/** watsonx's `stop_reason`; `eos_token` and `stop_sequence` are plain stops. */
export function decodeFinish(raw: string | undefined): FinishReason {
  return (raw === undefined ? undefined : FINISHES[raw]) ?? "stop";
}

export function readUsage(body: JsonObject): Usage | undefined {
  const result = resultOf(body);
  return usageOf(asNumber(result?.input_token_count), asNumber(result?.generated_token_count));
}

/** Usage of the counts; undefined when there are none. */
export function usageOf(input: number | undefined, output: number | undefined): Usage | undefined {
  if (input === undefined && output === undefined) return undefined;
  const buckets: { [B in Bucket]?: number } = {};
  if (input !== undefined && input > 0) buckets.input = input;
  if (output !== undefined && output > 0) buckets.output = output;
  return { buckets };
}
