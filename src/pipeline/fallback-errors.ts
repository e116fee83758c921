import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import { findProvider } from "../providers/registry.ts";
import type { RouteFailure } from "../routing/route-plan.ts";
import { providerError } from "./provider-error.ts";
import type { RequestContext } from "./request-context.ts";

/** Longer sentences of providers are cut, and so is the list: all of it stands in one header. */
const LONGEST_MESSAGE = 500;
const MOST = 10;

/**
 * Why the groups before the answering one were left, as `x-litellm-fallback-errors` says it: a JSON list of message, type,
 * param and code. Undefined unless the operator allows it and the request asks for it with `include_fallback_errors`.
 */
export function shownFailures(
  { snapshot, body }: RequestContext,
  failures: readonly RouteFailure[],
): string | undefined {
  if (body.include_fallback_errors !== true) return undefined;
  if (snapshot.general.raw.expose_fallback_errors_to_caller !== true) return undefined;
  const shown = failures.slice(0, MOST).map((failure) => {
    const error = seenByClients(failure);
    return {
      message: error.message.slice(0, LONGEST_MESSAGE),
      type: error instanceof GatewayError ? (error.type ?? error.code) : "internal_server_error",
      param: error instanceof GatewayError ? (error.param ?? null) : null,
      code: error instanceof GatewayError ? String(error.status) : "500",
    };
  });
  // Headers are ASCII; JSON can say everything in it.
  return JSON.stringify(shown).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function seenByClients({ error, provider: id }: RouteFailure): Error {
  const provider = id === undefined ? undefined : findProvider(id);
  return error instanceof UpstreamError && provider !== undefined ? providerError(error, provider, "") : error;
}
