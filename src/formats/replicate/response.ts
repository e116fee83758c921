import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../../json/json.ts";
import type { Bucket, Usage } from "../../usage/usage.ts";
import type { ConversationResponse } from "../conversation.ts";
import type { ResponseContext } from "../format.ts";

/** A prediction that succeeded → conversation. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const text = outputText(body.output);
  const usage = decodeUsage(asObject(body.metrics));
  return {
    ...identityOf(body, context.model),
    choices: [{ index: 0, parts: text === "" ? [] : [{ type: "text", text }], finish: "stop", ...rawFinish(body) }],
    ...(usage === undefined ? {} : { usage }),
  };
}

/** Which prediction it is. */
export function identityOf(body: JsonObject, model: string): { id?: string; created?: number; model: string } {
  const id = asString(body.id);
  const created = Date.parse(asString(body.created_at) ?? "");
  return {
    ...(id === undefined ? {} : { id }),
    ...(Number.isNaN(created) ? {} : { created: Math.floor(created / 1000) }),
    model: asString(body.model) ?? model,
  };
}

function rawFinish(body: JsonObject): { rawFinish?: string } {
  const status = asString(body.status);
  return status === undefined ? {} : { rawFinish: status };
}

/** Language models answer with a list of pieces, to be joined as they are; others with a text or an object. */
function outputText(output: Json | undefined): string {
  if (output === undefined || output === null) return "";
  if (typeof output === "string") return output;
  if (Array.isArray(output)) {
    return asArray(output)
      .map((piece) => (typeof piece === "string" ? piece : JSON.stringify(piece)))
      .join("");
  }
  return JSON.stringify(output);
}

/** Tokens where the model counts them; without counts the usage is unknown. Replicate itself bills `predict_time`. */
export function decodeUsage(metrics: JsonObject | undefined): Usage | undefined {
  const input = asNumber(metrics?.input_token_count) ?? asNumber(metrics?.token_input_count);
  const output = asNumber(metrics?.output_token_count) ?? asNumber(metrics?.token_output_count);
  if (input === undefined && output === undefined) return undefined;
  const buckets: { [B in Bucket]?: number } = {};
  if (input !== undefined && input > 0) buckets.input = input;
  if (output !== undefined && output > 0) buckets.output = output;
  return { buckets };
}

/** Usage of a whole prediction. */
export function readUsage(body: JsonObject): Usage | undefined {
  return decodeUsage(asObject(body.metrics));
}
