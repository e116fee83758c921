import type { JsonObject } from "../json/json.ts";
import type { Call, Endpoint, Provider } from "../providers/provider.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import { userInformation } from "./configured-context.ts";
import type { RequestContext } from "./request-context.ts";

/** The headers of one call: the deployment's own, what the body asks for, and what of the client's goes on. */
export function outboundHeaders(
  context: RequestContext,
  deployment: Deployment,
  provider: Provider,
  endpoint: Endpoint,
  call: Call,
  body: JsonObject,
): Readonly<Record<string, string>> {
  const fixed = fixedHeaders(deployment, endpoint);
  const told = userInformation(context);
  const { general } = context.snapshot;
  const native = endpoint.format === context.client.id;
  const ownOrganization = provider.id === "openai" && general.raw.forward_openai_org_id === true;
  if (
    told === undefined &&
    endpoint.bodyHeaders === undefined &&
    !(native && context.client.id === "anthropic-messages") &&
    !general.forwardClientHeaders &&
    !ownOrganization
  ) {
    return fixed;
  }
  const headers = { ...fixed, ...endpoint.bodyHeaders?.(body, call), ...told, ...deployment.settings.extraHeaders };
  forwardHeaders(context, native, headers);
  const organization = ownOrganization ? context.request.headers.get("openai-organization") : null;
  if (organization !== null) headers["openai-organization"] = organization;
  return headers;
}

const fixedByEndpoint = new WeakMap<Deployment, Map<Endpoint, Readonly<Record<string, string>>>>();

/** The headers that every call of a deployment's endpoint has: one frozen object, so that nobody encodes them again. */
function fixedHeaders(deployment: Deployment, endpoint: Endpoint): Readonly<Record<string, string>> {
  let byEndpoint = fixedByEndpoint.get(deployment);
  if (byEndpoint === undefined) {
    byEndpoint = new Map();
    fixedByEndpoint.set(deployment, byEndpoint);
  }
  let headers = byEndpoint.get(endpoint);
  if (headers === undefined) {
    headers = Object.freeze({
      "content-type": "application/json",
      ...deployment.target.headers,
      ...endpoint.headers,
      ...deployment.settings.extraHeaders,
    });
    byEndpoint.set(endpoint, headers);
  }
  return headers;
}

/** Anthropic's version and beta headers belong to its own format; other `x-*` headers go on only where configured. */
function forwardHeaders(context: RequestContext, native: boolean, headers: Record<string, string>): void {
  const incoming = context.request.headers;
  if (native && context.client.id === "anthropic-messages") {
    const version = incoming.get("anthropic-version");
    if (version !== null) headers["anthropic-version"] = version;
    const beta = incoming.get("anthropic-beta");
    if (beta !== null) {
      const own = headers["anthropic-beta"];
      headers["anthropic-beta"] =
        own === undefined ? beta : [...new Set([...own.split(","), ...beta.split(",")])].join(",");
    }
  }
  if (!context.snapshot.general.forwardClientHeaders) return;
  incoming.forEach((value, name) => {
    if (
      name.startsWith("x-") &&
      !name.startsWith("x-stainless-") &&
      !name.startsWith("x-litellm-") &&
      name !== "x-api-key" &&
      name !== "x-goog-api-key"
    ) {
      headers[name] ??= value;
    }
  });
}
