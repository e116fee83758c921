import { isModelAllowed } from "../auth/model-access.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Gate } from "./admit.ts";
import type { RequestContext } from "./request-context.ts";

/** The refusal of a model that the caller, its team, its user … may not call; undefined where all of them may. */
export function modelDenial(gate: Gate, context: RequestContext, model: string): GatewayError | undefined {
  const { grant } = context.principal;
  if (grant === undefined || grant.access.length === 0) return undefined;
  const { snapshot } = context;
  const denied = grant.access.find(({ models }) => !isModelAllowed(models, model, snapshot, gate.accessGroups()));
  if (denied === undefined) return undefined;
  return new GatewayError(
    "permission_denied",
    `The requested model '${model}' is not available for this API key, or the model name is invalid. ` +
      "Check the models available to you and try again.",
    { type: `${denied.object}_model_access_denied`, param: "model" },
  );
}

export function requireModel(gate: Gate, context: RequestContext, model: string): void {
  const denial = modelDenial(gate, context, model);
  if (denial !== undefined) throw denial;
}
