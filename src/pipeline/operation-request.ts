import { GatewayError } from "../errors/gateway-error.ts";
import { formatById } from "../formats/registry.ts";
import { ParameterReport } from "../formats/report.ts";
import type { Json, JsonObject, MutableJsonObject } from "../json/json.ts";
import { patchObject, shallowEdits } from "../json/patch.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { withoutGatewayFields } from "../providers/litellm-params.ts";
import { applyParameterRules } from "../providers/parameters.ts";
import type { Call, Endpoint, OutboundRequest } from "../providers/provider.ts";
import type { Target } from "./attempt-run.ts";
import { userInformation } from "./configured-context.ts";
import type { RequestContext } from "./request-context.ts";

/** A call that is no conversation, ready to go out. */
export interface PreparedOperation {
  readonly endpoint: Endpoint;
  readonly call: Call;
  readonly outbound: OutboundRequest;
}

/** Builds the outbound request of an operation: OpenAI's (or Cohere's) body with what must change changed. */
export function prepareOperation(context: RequestContext, target: Target): PreparedOperation {
  const { deployment, provider, model } = target;
  const endpoint = operationEndpoint(context, target);
  if (endpoint === undefined) {
    throw new GatewayError(
      "invalid_request",
      `${provider.label} (${provider.id}) has no endpoint for ${context.operation}`,
      { param: "model" },
    );
  }
  const upstream = provider.upstreamModel?.(model, deployment.target) ?? model;
  const { settings } = deployment;
  const call: Call = {
    operation: context.operation,
    model: upstream,
    stream: context.stream,
    target: deployment.target,
    facts: deployment.facts,
    report: new ParameterReport(),
    modifyParams: settings.modifyParams ?? context.snapshot.library.modifyParams,
    ...(deployment.baseModel === undefined ? {} : { baseModel: deployment.baseModel }),
  };
  const fields: MutableJsonObject = { ...context.body };
  withoutGatewayFields(fields, context.client.id);
  if (formatById(endpoint.format).inUrl === true) delete fields.model;
  else fields.model = upstream;
  for (const [name, value] of Object.entries(deployment.defaults))
    if (fields[name] === undefined) fields[name] = value as Json;
  for (const name of [...(settings.additionalDropParams ?? []), ...context.controls.additionalDropParams])
    delete fields[name];
  Object.assign(fields, settings.extraBody);
  if (endpoint.parameters !== undefined) applyParameterRules(fields, endpoint.parameters, call);

  const headers: Record<string, string> = {
    ...deployment.target.headers,
    ...endpoint.headers,
    ...userInformation(context),
    ...settings.extraHeaders,
  };
  let body: OutboundRequest["body"];
  if (context.form === undefined) {
    headers["content-type"] = "application/json";
    body = patchObject(context.text, shallowEdits(context.body, fields));
  } else {
    body = formWith(context.form, fields);
    // The boundary belongs to the body that is about to be written.
    delete headers["content-type"];
  }
  return { endpoint, call, outbound: { method: "POST", url: endpointUrl(endpoint, call), headers, body } };
}

/** Where an operation goes; token counts only to a provider that counts in the client's own words. */
export function operationEndpoint(context: RequestContext, { provider, model }: Target): Endpoint | undefined {
  const endpoints = provider.endpoints[context.operation] ?? [];
  return context.operation === "count-tokens"
    ? endpoints.find(({ format, countsFor }) => format === context.client.id && countsFor?.(model) !== false)
    : endpoints[0];
}

/** The client's form: its files as they came, its text fields as the rules left them. */
function formWith(form: FormData, fields: JsonObject): FormData {
  const result = new FormData();
  for (const [name, value] of form.entries()) if (typeof value !== "string") result.append(name, value);
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      result.append(
        Array.isArray(value) && !name.endsWith("[]") ? `${name}[]` : name,
        typeof item === "string" ? item : JSON.stringify(item),
      );
    }
  }
  return result;
}
