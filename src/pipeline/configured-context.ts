import { GatewayError } from "../errors/gateway-error.ts";
import { asObject, type JsonObject } from "../json/json.ts";
import { patchObject, shallowEdits } from "../json/patch.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";
import { type RequestRules, requestRulesOf } from "./request-rules.ts";

/** Formats in which the body's `user` says on whose behalf a request is made. */
const USER_FIELD: ReadonlySet<string> = new Set(["openai-chat", "openai-completions", "openai-responses"]);

/** The request as the configuration's rules see it: whose it is. */
export function configuredContext(context: RequestContext): RequestContext {
  const rules = requestRulesOf(context.snapshot);
  if (rules === undefined || context.probeModel !== undefined) return context;
  const { headers } = context.request;
  const userId = rules.internalUserHeader === undefined ? null : headers.get(rules.internalUserHeader);
  const own: RequestContext = {
    ...context,
    ...(userId === null || userId === "" ? {} : { principal: { ...context.principal, userId } }),
  };
  const user = userFieldOf(rules, own);
  return user === undefined ? own : withUser(own, user);
}

/** What the body's `user` becomes; undefined where it stays. */
function userFieldOf(rules: RequestRules, { body, client, principal, request }: RequestContext): string | undefined {
  if (!USER_FIELD.has(client.id)) return undefined;
  if (rules.stampsKeyHash && principal.keyHash !== "") return principal.keyHash;
  if (rules.userHeader === undefined || body.user !== undefined) return undefined;
  return request.headers.get(rules.userHeader) ?? undefined;
}

function withUser(context: RequestContext, user: string): RequestContext {
  const body: JsonObject = { ...context.body, user };
  if (context.form !== undefined) return { ...context, body };
  const text = patchObject(context.text, shallowEdits(context.body, body));
  return { ...context, body, text, bytes: Buffer.byteLength(text) };
}

/** Throws LiteLLM's refusals of a request that does not say what every request must, or says what none may. */
export function requireRules(arrived: RequestContext, { controls }: RequestContext): void {
  const rules = requestRulesOf(arrived.snapshot);
  if (rules === undefined || arrived.probeModel !== undefined) return;
  if (rules.rejectsTags && asObject(arrived.body.metadata)?.tags !== undefined) {
    throw new GatewayError(
      "invalid_request",
      "Client-side 'metadata.tags' not allowed in request. 'reject_clientside_metadata_tags'=True. Tags can only be set via API key metadata.",
      { type: "bad_request_error", param: "metadata.tags" },
    );
  }
  if (rules.requiresUser && arrived.body.user === undefined) {
    throw new GatewayError(
      "authentication",
      "Authentication Error, 'user' param not passed in. 'enforce_user_param'=True",
      { type: "auth_error", param: "None" },
    );
  }
  if (controls.endUser !== undefined && rules.blockedUsers.has(controls.endUser)) {
    const message = `User blocked from making LLM API Calls. User=${controls.endUser}`;
    throw new GatewayError("invalid_request", message, { type: "auth_error" });
  }
}

/** Without its end user, where the database has to know end users and does not know this one. */
export function validatedContext(gateway: Gateway, context: RequestContext): RequestContext | Promise<RequestContext> {
  const { endUser } = context.controls;
  const { gate } = gateway;
  if (endUser === undefined || gate === undefined) return context;
  if (requestRulesOf(context.snapshot)?.validatesEndUser !== true) return context;
  // With a budget for end users that have none of their own, each counts.
  if (context.snapshot.library.raw.max_end_user_budget_id) return context;
  return gate.knowsEndUser(endUser).then((known) => (known ? context : withoutEndUser(context)));
}

/** As its row and the budgets see it, where end users are not to be tracked. */
export function trackedContext(context: RequestContext): RequestContext {
  if (context.controls.endUser === undefined) return context;
  return requestRulesOf(context.snapshot)?.ignoresEndUser === true ? withoutEndUser(context) : context;
}

function withoutEndUser(context: RequestContext): RequestContext {
  return { ...context, controls: { ...context.controls, endUser: undefined } };
}

/** Header fields that tell the provider whose a request is, by LiteLLM's names; undefined where they are not wanted. */
export function userInformation(context: RequestContext): Record<string, string> | undefined {
  if (requestRulesOf(context.snapshot)?.tellsUser !== true) return undefined;
  const { principal, controls, routeName } = context;
  const told = {
    hash: principal.keyHash,
    alias: principal.keyAlias,
    user_id: principal.userId,
    team_id: principal.teamId,
    org_id: principal.organizationId,
    end_user_id: controls.endUser,
    request_route: routeName,
  };
  return Object.fromEntries(
    Object.entries(told).flatMap(([name, value]): [string, string][] =>
      value === undefined || value === "" ? [] : [[`x-litellm-user_api_key_${name}`, headerValue(value)]],
    ),
  );
}

/** Names may have characters that a header field cannot carry. */
function headerValue(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character));
}
