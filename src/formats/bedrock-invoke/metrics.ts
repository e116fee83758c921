import { asNumber, asObject, type JsonObject } from "../../json/json.ts";
import type { Bucket, Usage } from "../../usage/usage.ts";

/**
 * Bedrock's own count: in the last event of every stream, and, for whole answers, taken from the headers
 * `x-amzn-bedrock-*-token-count` into the body under the same name.
 */
export const METRICS = "amazon-bedrock-invocationMetrics";

/** The count under `METRICS`, if there is one. */
export function metricsUsage(body: JsonObject): Usage | undefined {
  const metrics = asObject(body[METRICS]);
  return metrics === undefined
    ? undefined
    : countedUsage(asNumber(metrics.inputTokenCount), asNumber(metrics.outputTokenCount));
}

/** Usage of two counts; undefined when neither is known. */
export function countedUsage(input: number | undefined, output: number | undefined): Usage | undefined {
  if (input === undefined && output === undefined) return undefined;
  const buckets: { [B in Bucket]?: number } = {};
  if (input !== undefined && input > 0) buckets.input = input;
  if (output !== undefined && output > 0) buckets.output = output;
  return { buckets };
}
