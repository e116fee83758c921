import { isModelAllowed } from "../auth/model-access.ts";
import type { Principal } from "../auth/principal.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";

/**
 * The request as the caller makes it: a caller of several teams is a member of the one that `x-litellm-team-id` names
 * (by id or alias), else of the first that may call the model; the end user that its token names is the request's.
 */
export function callerContext(gateway: Gateway, context: RequestContext): RequestContext {
  const { principal: presented, controls } = context;
  const { otherTeams, teamsByName, endUser } = presented;
  if (otherTeams === undefined && teamsByName === undefined && endUser === undefined) return context;
  const principal = memberOf(gateway, context, presented);
  return {
    ...context,
    principal,
    ...(principal.endUser === undefined ? {} : { controls: { ...controls, endUser: principal.endUser } }),
  };
}

function memberOf(gateway: Gateway, context: RequestContext, presented: Principal): Principal {
  const choices = [presented, ...(presented.otherTeams ?? [])];
  const named = context.request.headers.get("x-litellm-team-id");
  if (named !== null && named !== "") {
    const chosen = [...choices, ...(presented.teamsByName ?? [])].find(
      ({ teamId, teamAlias }) => teamId === named || teamAlias === named,
    );
    if (chosen !== undefined) return chosen;
    throw new GatewayError("permission_denied", `The token does not belong to the team ${named}`, {
      type: "auth_error",
    });
  }
  const groups = gateway.gate?.accessGroups() ?? new Map();
  const { snapshot, requestedModel } = context;
  const allowed = choices.find(({ grant }) => {
    const model = grant?.rules?.aliases.get(requestedModel) ?? requestedModel;
    return (grant?.access ?? []).every(({ models }) => isModelAllowed(models, model, snapshot, groups));
  });
  return allowed ?? presented;
}
