import { isModelAllowed } from "../auth/model-access.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Gate } from "./admit.ts";
import type { RequestContext } from "./request-context.ts";

/** The refusal of a model that the caller, its team, its user … may not call; undefined where all of them may. */
export function modelDenial(gate: Gate, context: RequestContext, model: string): GatewayError | undefined {
  const { grant } = context.principal;
  const { snapshot } = context;
  if (isOfAnotherTeam(context, model)) return denialFor("team", model);
  if (grant === undefined || grant.access.length === 0) return undefined;
  const denied = grant.access.find(({ models }) => !isModelAllowed(models, model, snapshot, gate.accessGroups()));
  return denied === undefined ? undefined : denialFor(denied.object, model);
}

/** A team's own models are for its keys, and for administrators who try them, by whatever name they are called. */
function isOfAnotherTeam({ principal, snapshot }: RequestContext, model: string): boolean {
  const info = (snapshot.deploymentsById.get(model) ?? snapshot.groups.get(model)?.[0])?.info;
  if (typeof info?.team_public_model_name !== "string") return false;
  return info.team_id !== principal.teamId && principal.role !== "proxy_admin";
}

/** LiteLLM's refusal of a model; `object` is whose list it is not on. */
export function denialFor(object: string, model: string): GatewayError {
  return new GatewayError(
    "permission_denied",
    `The requested model '${model}' is not available for this API key, or the model name is invalid. ` +
      "Check the models available to you and try again.",
    { type: `${object}_model_access_denied`, param: "model" },
  );
}

export function requireModel(gate: Gate, context: RequestContext, model: string): void {
  const denial = modelDenial(gate, context, model);
  if (denial !== undefined) throw denial;
}
