import { GatewayError } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import { type FallbackTable, requestFallbacks } from "../routing/fallbacks.ts";
import { RoutePlan } from "../routing/route-plan.ts";
import type { RouteRequest } from "../routing/route-request.ts";
import type { Gate } from "./admit.ts";
import { autoRoute, autoRouterOf } from "./auto-route.ts";
import type { Gateway } from "./gateway.ts";
import { modelDenial, requireModel } from "./model-denial.ts";
import type { RequestContext } from "./request-context.ts";
import { promptTokens } from "./token-count.ts";

/** Bytes of a prompt for one token of it: a low figure, so that estimates are rather too high. */
const BYTES_PER_TOKEN = 4;

/** Members of a fallback target that would send the operator's credentials elsewhere. */
const CREDENTIAL_FIELDS = ["api_base", "base_url", "api_key", "api_version", "model_list", "user_config"];

/**
 * The course of a request, as its configuration, its caller and its own words want it. `mayAsk`: whether an auto router
 * may call its embedding model.
 */
export async function planFor(gateway: Gateway, context: RequestContext, mayAsk = true): Promise<RoutePlan> {
  const { body, snapshot, controls } = context;
  const routing = gateway.router.of(snapshot);
  // What fits in bytes fits in tokens; only a prompt that may be too long is worth a tokenizer.
  const counted =
    routing.rules.preCallChecks && context.operation === "chat" && context.bytes > routing.smallestWindow
      ? await promptTokens(context)
      : undefined;
  const request: RouteRequest = {
    model: context.requestedModel,
    stream: context.stream,
    teamId: context.principal.teamId,
    keyHash: context.principal.keyHash,
    tags: controls.tags,
    policyTags: context.principal.grant?.rules?.tags,
    header: (name) => context.request.headers.get(name),
    promptTokens: Math.ceil(context.bytes / BYTES_PER_TOKEN),
    promptBytes: context.bytes,
    exactTokens: counted,
    hasMessages: context.operation === "chat",
    hasResponseFormat: body.response_format !== undefined && body.response_format !== null,
    dropParams: controls.dropParams,
    allowedRegion: typeof body.allowed_model_region === "string" ? body.allowed_model_region : undefined,
    requiredRegion: context.requiredRegion,
    sessionId: controls.sessionId,
    previousDeployment: context.previousDeployment,
    pinnedDeployment: context.pinnedDeployment,
    priority: typeof body.priority === "number" ? body.priority : routing.rules.defaultPriority,
    body,
  };
  const { gate } = gateway;
  const automatic = autoRouterOf(context);
  const decision = automatic === undefined ? undefined : await autoRoute(gateway, context, automatic, mayAsk);
  return new RoutePlan({
    router: gateway.router,
    routing,
    request,
    decision,
    requestRetries: controls.numRetries,
    once: context.probeModel !== undefined || context.isCopy === true,
    mayUse:
      gate !== undefined && snapshot.general.raw.enforce_fallback_model_access === true
        ? (model) => modelDenial(gate, context, model) === undefined
        : undefined,
    disableFallbacks: body.disable_fallbacks === true || context.isCopy === true,
    fallbacks: {
      general: ownFallbacks(gate, context, "fallbacks"),
      contextWindow: ownFallbacks(gate, context, "context_window_fallbacks"),
      contentPolicy: ownFallbacks(gate, context, "content_policy_fallbacks"),
    },
  });
}

/** The request's own list. Its models must be the caller's to call, and its overrides may not redirect credentials. */
function ownFallbacks(gate: Gate | undefined, context: RequestContext, name: string): FallbackTable | undefined {
  const value = context.body[name];
  if (value === undefined || value === null) return undefined;
  const table = requestFallbacks(value);
  if (typeof table === "string") throw new GatewayError("invalid_request", `'${name}' ${table}`, { param: name });
  if (table === undefined) return undefined;
  const credentials = context.snapshot.general.allowClientSideCredentials;
  for (const targets of table.values()) {
    for (const { model, overrides } of targets) {
      if (gate !== undefined) requireModel(gate, context, model);
      const field = credentials ? undefined : CREDENTIAL_FIELDS.find((one) => overrides?.[one] !== undefined);
      if (field === undefined) continue;
      throw new GatewayError(
        "authentication",
        `Authentication Error, Rejected Request: ${field} is not allowed in request body. ` +
          "Enable with `general_settings::allow_client_side_credentials` on proxy config.yaml.",
        { type: "auth_error", param: "None" },
      );
    }
  }
  return table;
}

/** The request as a fallback gets it: under the group's name, with what the fallback replaces. */
export function contextFor(context: RequestContext, model: string, overrides: JsonObject | undefined): RequestContext {
  if (overrides === undefined) return { ...context, requestedModel: model, fellBack: true };
  const body = { ...context.body, ...overrides };
  const text = JSON.stringify(body);
  return {
    ...context,
    requestedModel: model,
    fellBack: true,
    body,
    text,
    bytes: new TextEncoder().encode(text).length,
  };
}
