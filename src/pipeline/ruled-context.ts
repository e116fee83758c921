import { GatewayError } from "../errors/gateway-error.ts";
import { asObject, type JsonObject } from "../json/json.ts";
import type { RequestContext } from "./request-context.ts";
import { requestRulesOf } from "./request-rules.ts";

/** The request with its caller's rules: the model that an alias means, and the tags that all of them have. */
export function ruledContext(context: RequestContext): RequestContext {
  const rules = context.principal.grant?.rules;
  if (rules === undefined) return context;
  const { controls, requestedModel } = context;
  const model = rules.aliases.get(requestedModel) ?? requestedModel;
  if (rules.tags.length === 0) return model === requestedModel ? context : { ...context, requestedModel: model };
  const tags = [...new Set([...controls.tags, ...rules.tags])];
  return { ...context, requestedModel: model, controls: { ...controls, tags } };
}

/** Throws LiteLLM's refusal of a request that lacks what its caller's requests must have. */
export function requireParams({ body, principal, snapshot, probeModel }: RequestContext): void {
  if (probeModel !== undefined) return;
  const own = principal.grant?.rules;
  const all = requestRulesOf(snapshot);
  if (all !== undefined) {
    requireEach(all.enforcedParams, body);
    if (own?.serviceAccount === true) requireEach(all.serviceAccountParams, body);
  }
  if (own !== undefined) requireEach(own.enforcedParams, body);
}

function requireEach(params: readonly string[], body: JsonObject): void {
  for (const param of params) {
    const path = param.split(".");
    if (valueAt(body, path)) continue;
    const shown = path.length === 1 ? param : path.map((step) => `[${step}]`).join("");
    throw new GatewayError(
      "invalid_request",
      `BadRequest please pass param=${shown} in request body. This is a required param`,
      { param },
    );
  }
}

function valueAt(body: JsonObject, path: readonly string[]): boolean {
  let value: unknown = body;
  for (const step of path) value = asObject(value)?.[step];
  return value !== undefined && value !== null;
}
