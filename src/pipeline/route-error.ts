import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import { findProvider } from "../providers/registry.ts";
import type { RouteFailure, RouteReport } from "../routing/route-plan.ts";
import { providerError } from "./provider-error.ts";
import type { RequestContext } from "./request-context.ts";

/** What the client gets when nothing worked: the failure of the group that it asked for, and what became of fallbacks. */
export function reportedError(report: RouteReport, context: RequestContext): Error {
  const suffix = fallbackSuffix(report, context);
  const { error } = report.original;
  if (error instanceof UpstreamError) return told(report.original, suffix);
  if (!(error instanceof GatewayError) || report.fallbacks.length === 0 || suffix === "") return error;
  return new GatewayError(error.code, error.message + suffix, {
    status: error.status,
    param: error.param,
    type: error.type,
    headers: error.headers,
    providerFields: error.providerFields,
    cause: error,
  });
}

function told({ error, provider: id }: RouteFailure, suffix: string): Error {
  const provider = id === undefined ? undefined : findProvider(id);
  return error instanceof UpstreamError && provider !== undefined ? providerError(error, provider, suffix) : error;
}

function fallbackSuffix(report: RouteReport, context: RequestContext): string {
  const { group, fallbacks, configured, ownList } = report;
  if (!context.snapshot.library.exposeRouterDebugInErrors || context.body.disable_fallbacks === true) return "";
  const start = `\n\nLiteLLM: model group '${group}' failed with the error above`;
  if (fallbacks.length > 0) {
    return `${start}. Fallback to ${fallbacks.join(", ")} also failed: ${told(report.last, "").message}`;
  }
  if (configured === undefined || ownList) return `${start}. No fallback was attempted.`;
  return (
    `${start} and no fallback model group was found for it, so the request was not retried on another model. ` +
    `Fallbacks are configured for: ${configured.join(", ")}. Add a fallbacks entry for that model group ` +
    "(Router fallbacks or proxy router_settings.fallbacks) to retry on another model."
  );
}
