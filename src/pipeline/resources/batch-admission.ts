import { asArray, asNumber, isObject } from "../../json/json.ts";
import type { BatchFileFacts } from "../../store/resources/resources.ts";
import type { PassThroughRequest } from "../pass-through/pass-through.ts";
import type { RequestContext } from "../request-context.ts";
import type { ResourcePlace } from "./resource-place.ts";
import { modelsIn, type ResourceRequest } from "./resource-request.ts";

/**
 * As whose admission the start of a batch counts: its requests' size counts against limits of tokens per minute, unless
 * the configuration says otherwise.
 */
export function batchAdmission(
  context: RequestContext,
  request: ResourceRequest,
  { provider }: ResourcePlace,
  facts: BatchFileFacts | undefined,
): Pick<PassThroughRequest, "admitted"> {
  const size = request.route.act === "create" ? sizeOf(request, facts) : undefined;
  if (size === undefined || isSkipped(context, provider.id, size.models)) return {};
  return { admitted: { ...context, bytes: size.bytes, text: "", body: { max_tokens: size.outputTokens } } };
}

function sizeOf(
  { route, fields, text }: ResourceRequest,
  facts: BatchFileFacts | undefined,
): Pick<BatchFileFacts, "bytes" | "outputTokens" | "models"> | undefined {
  if (route.kind === "batches") return facts;
  if (route.kind !== "message-batches") return undefined;
  const outputTokens = asArray(fields.requests).reduce<number>((sum, one) => {
    const params = isObject(one) ? one.params : undefined;
    return sum + (isObject(params) ? (asNumber(params.max_tokens) ?? 0) : 0);
  }, 0);
  return { bytes: Buffer.byteLength(text), outputTokens, models: [...modelsIn(fields)] };
}

function isSkipped({ snapshot }: RequestContext, provider: string, models: readonly string[]): boolean {
  const { raw } = snapshot.general;
  return (
    raw.disable_batch_input_file_rate_limiting === true ||
    asArray(raw.skip_batch_input_file_rate_limiting_for_providers).includes(provider) ||
    models.some((model) => asArray(raw.skip_batch_input_file_rate_limiting_for_models).includes(model))
  );
}
