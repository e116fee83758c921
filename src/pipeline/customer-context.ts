import type { Customer } from "../auth/customers.ts";
import { isModelAllowed } from "../auth/model-access.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import { inRegion } from "../routing/stages/pre-call-checks.ts";
import type { Gateway } from "./gateway.ts";
import { denialFor } from "./model-denial.ts";
import type { RequestContext } from "./request-context.ts";

/** A request with its end user's rules, and why it must not be served, where it must not. */
export interface CustomerRequest {
  readonly context: RequestContext;
  readonly refusal: GatewayError | undefined;
}

/** Applies the rules of the end user on whose behalf a request comes; undefined where it has none. */
export function customerRequest(
  gateway: Gateway,
  context: RequestContext,
): CustomerRequest | undefined | Promise<CustomerRequest | undefined> {
  const { endUser } = context.controls;
  if (endUser === undefined || gateway.gate === undefined) return undefined;
  const found = gateway.gate.customer(endUser);
  if (!(found instanceof Promise)) return found === undefined ? undefined : ruled(gateway, context, endUser, found);
  return found.then((customer) => (customer === undefined ? undefined : ruled(gateway, context, endUser, customer)));
}

function ruled(gateway: Gateway, context: RequestContext, endUser: string, customer: Customer): CustomerRequest {
  if (customer.blocked) {
    // LiteLLM's words and status.
    const message = `User blocked from making LLM API Calls. User=${endUser}`;
    return { context, refusal: new GatewayError("invalid_request", message, { type: "auth_error" }) };
  }
  const model = modelFor(gateway, context, customer);
  const { allowedRegion } = customer;
  const own = {
    ...context,
    requestedModel: model,
    ...(allowedRegion === undefined ? {} : { requiredRegion: allowedRegion }),
  };
  const groups = gateway.gate?.accessGroups() ?? new Map();
  if (!isModelAllowed(customer.access.models, model, context.snapshot, groups)) {
    return { context: own, refusal: denialFor("customer", model) };
  }
  return { context: own, refusal: undefined };
}

/** The model that was asked for, unless none was, or none of its deployments is in the customer's region. */
function modelFor(gateway: Gateway, context: RequestContext, customer: Customer): string {
  const { requestedModel: asked, body, snapshot, principal } = context;
  const { allowedRegion, defaultModel } = customer;
  if (defaultModel === undefined) return asked;
  if (body.model === undefined || body.model === null) return defaultModel;
  if (allowedRegion === undefined) return asked;
  const group = gateway.router.of(snapshot).resolve(asked, principal.teamId)?.group;
  const there = group?.candidates.some(({ region }) => inRegion(region, allowedRegion)) === true;
  return there ? asked : defaultModel;
}
