import { GatewayError } from "../errors/gateway-error.ts";
import { markBody, markConversation } from "../formats/cache-marks.ts";
import type { ConversationRequest, FormatId, SealOwner } from "../formats/conversation.ts";
import type { Capabilities, Format } from "../formats/format.ts";
import { formatById } from "../formats/registry.ts";
import { ParameterReport } from "../formats/report.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { patchObject, replaceStringMember, shallowEdits } from "../json/patch.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { OPENAI_CHAT_PARAMETERS, withoutGatewayFields } from "../providers/litellm-params.ts";
import { applyParameterRules } from "../providers/parameters.ts";
import type { Call, Endpoint, OutboundRequest, Provider } from "../providers/provider.ts";
import type { Deployment } from "../snapshot/snapshot.ts";
import { cacheMarksFor } from "./cache-marks.ts";
import { withDefaults } from "./deployment-defaults.ts";
import { mockEndpoint } from "./mock-endpoint.ts";
import { outboundHeaders } from "./outbound-headers.ts";
import type { RequestContext } from "./request-context.ts";

/** A request ready to go to one deployment, and what is needed to read its answer. */
export interface Prepared {
  readonly deployment: Deployment;
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  /** The provider's side. */
  readonly format: Format;
  readonly call: Call;
  readonly outbound: OutboundRequest;
  /** Bytes pass through: the client speaks the provider's format. */
  readonly native: boolean;
  /** The decoded request, where it was translated. */
  readonly conversation: ConversationRequest | undefined;
  /** Whether the client wants usage at the end of a stream. */
  readonly wantsStreamUsage: boolean;
}

/** Builds the outbound request of one attempt. Throws a refusal when the target cannot express what was asked. */
export function prepareRequest(
  context: RequestContext,
  deployment: Deployment,
  provider: Provider,
  model: string,
): Prepared {
  const report = new ParameterReport();
  const upstream = provider.upstreamModel?.(model, deployment.target) ?? model;
  const settings = deployment.settings;
  const call: Call = {
    operation: context.operation,
    model: upstream,
    stream: context.stream,
    target: deployment.target,
    facts: deployment.facts,
    report,
    modifyParams: settings.modifyParams ?? context.snapshot.library.modifyParams,
    ...(deployment.baseModel === undefined ? {} : { baseModel: deployment.baseModel }),
    ...allowedParameters(context, deployment),
  };
  const endpoint =
    settings.mockResponse === undefined
      ? chooseEndpoint(provider, context, call, settings.preferredEndpoint ?? preferredOf(context, provider))
      : mockEndpoint(settings.mockResponse);
  const format = formatById(endpoint.format);
  const native = format.id === context.client.id;
  const asked: Call = endpoint.streams === false && call.stream ? { ...call, stream: false } : call;

  const prepared = native
    ? passThrough(context, deployment, endpoint, format, asked, provider)
    : translate(context, deployment, endpoint, format, asked, provider);
  refuseUnsupported(context, deployment, provider, report);

  const headers = outboundHeaders(context, deployment, provider, endpoint, asked, prepared.body);

  return {
    deployment,
    provider,
    endpoint,
    format,
    call: asked,
    outbound: { method: "POST", url: endpointUrl(endpoint, asked), headers, body: prepared.text },
    native,
    conversation: prepared.conversation,
    wantsStreamUsage: prepared.wantsStreamUsage,
  };
}

/** `route_all_chat_openai_to_responses`: OpenAI's own models are asked by its Responses API, whoever asks. */
function preferredOf({ snapshot }: RequestContext, provider: Provider): "responses" | undefined {
  return provider.id === "openai" && snapshot.library.raw.route_all_chat_openai_to_responses === true
    ? "responses"
    : undefined;
}

function allowedParameters(context: RequestContext, deployment: Deployment): { allowedParameters?: readonly string[] } {
  const own = deployment.settings.allowedOpenaiParams ?? [];
  const asked = context.controls.allowedOpenaiParams;
  return own.length + asked.length === 0 ? {} : { allowedParameters: [...own, ...asked] };
}

interface PreparedBody {
  readonly text: string;
  readonly body: JsonObject;
  readonly conversation: ConversationRequest | undefined;
  readonly wantsStreamUsage: boolean;
}

function chooseEndpoint(
  provider: Provider,
  context: RequestContext,
  call: Call,
  preferred: "chat" | "responses" | undefined,
): Endpoint {
  // Text completions go to the provider's own endpoint for them where there is one, else they become a conversation.
  const text = context.client.id === "openai-completions" ? provider.endpoints.completions?.[0] : undefined;
  if (text !== undefined) return text;
  const endpoints = provider.endpoints[context.operation] ?? [];
  const chosen =
    provider.selectEndpoint?.(context.operation, context.client.id, call, preferred) ??
    endpoints.find((endpoint) => endpoint.format === context.client.id) ??
    endpoints[0];
  if (chosen === undefined) {
    throw new GatewayError("invalid_request", `${provider.label} offers no endpoint for ${context.operation}`);
  }
  return chosen;
}

/** Same format on both sides: only members that must change are changed, in the text. */
function passThrough(
  context: RequestContext,
  deployment: Deployment,
  endpoint: Endpoint,
  format: Format,
  call: Call,
  provider: Provider,
): PreparedBody {
  const before = context.body;
  const clean = format.withoutForeign?.(before, ownerOf(provider, call)) ?? before;
  if (clean !== before) call.report.dropped("messages", "signatures of other providers");
  const after: MutableJsonObject = { ...clean };
  withoutGatewayFields(after, format.id);
  if (format.inUrl === true) {
    delete after.model;
    delete after.stream;
  } else {
    after.model = call.model;
  }
  if (context.outputCap !== undefined) capOutput(after, context.client.id, context.outputCap, call.report);
  withDefaults(after, deployment, format, call);
  dropConfigured(after, context, deployment, call.report);

  const wantsStreamUsage =
    asObject(before.stream_options)?.include_usage === true || context.snapshot.general.alwaysIncludeStreamUsage;
  if (asksByOption(format.id)) askForUsage(after, endpoint, call);
  if (context.stream && !call.stream) {
    delete after.stream;
    delete after.stream_options;
  }
  const marks = cacheMarksFor(context, deployment, endpoint, ownerOf(provider, call));
  if (marks.length > 0) markBody(after, marks);
  Object.assign(after, deployment.settings.extraBody);
  if (endpoint.parameters !== undefined) applyParameterRules(after, endpoint.parameters, call);

  const edits = shallowEdits(before, after);
  const onlyModel = edits.size === 1 && typeof before.model === "string" && typeof after.model === "string";
  const text =
    onlyModel && before.model !== after.model
      ? replaceStringMember(context.text, "model", before.model as string, after.model as string)
      : patchObject(context.text, edits);
  return { text, body: after, conversation: undefined, wantsStreamUsage };
}

/** Different formats: client → conversation → provider. */
function translate(
  context: RequestContext,
  deployment: Deployment,
  endpoint: Endpoint,
  format: Format,
  call: Call,
  provider: Provider,
): PreparedBody {
  const source: MutableJsonObject = { ...context.body };
  withoutGatewayFields(source, context.client.id);
  dropConfigured(source, context, deployment, call.report);
  if (context.outputCap !== undefined) capOutput(source, context.client.id, context.outputCap, call.report);
  source.model = context.requestedModel;
  const decoded = withSummary(context, context.client.decodeRequest(source));
  const wantsStreamUsage = decoded.includeUsage === true || context.snapshot.general.alwaysIncludeStreamUsage;
  const owner = ownerOf(provider, call);
  const marks = cacheMarksFor(context, deployment, endpoint, owner);
  const marked = marks.length === 0 ? decoded : markConversation(decoded, marks);
  const conversation: ConversationRequest = { ...marked, stream: call.stream };
  const body: MutableJsonObject = {
    ...format.encodeRequest(conversation, {
      model: call.model,
      provider: provider.id,
      owner,
      capabilities: capabilitiesOf(deployment),
      report: call.report,
      modifyParams: call.modifyParams,
    }),
  };
  withDefaults(body, deployment, format, call);
  if (asksByOption(format.id)) askForUsage(body, endpoint, call);
  Object.assign(body, deployment.settings.extraBody);
  if (endpoint.parameters !== undefined) applyParameterRules(body, endpoint.parameters, call);
  return { text: JSON.stringify(body), body, conversation: decoded, wantsStreamUsage };
}

/** `reasoning_auto_summary`: Anthropic's clients expect to see thinking, which others show when they are asked to. */
function withSummary(context: RequestContext, request: ConversationRequest): ConversationRequest {
  const { reasoning } = request;
  if (reasoning === undefined || reasoning.mode === "disabled" || reasoning.summary !== undefined) return request;
  if (context.client.id !== "anthropic-messages" || context.snapshot.library.raw.reasoning_auto_summary !== true) {
    return request;
  }
  return { ...request, reasoning: { ...reasoning, summary: "detailed" } };
}

function ownerOf(provider: Provider, call: Call): SealOwner {
  return typeof provider.owner === "string" ? provider.owner : provider.owner(call.model);
}

/** The caller set no bound, and its budget pays for so much: what is more would be cut off by nobody. */
function capOutput(body: MutableJsonObject, client: FormatId, cap: number, report: ParameterReport): void {
  const name = client === "openai-responses" ? "max_output_tokens" : "max_tokens";
  if (client === "gemini") body.generationConfig = { ...asObject(body.generationConfig), maxOutputTokens: cap };
  else body[name] = cap;
  report.clamped(client === "gemini" ? "maxOutputTokens" : name, cap, "the budget pays for no more");
}

function asksByOption(format: string): boolean {
  return format === "openai-chat" || format === "openai-completions";
}

function askForUsage(body: MutableJsonObject, endpoint: Endpoint, call: Call): void {
  if (!call.stream) return;
  if (endpoint.streamUsageOption === false) {
    if (body.stream_options !== undefined) delete body.stream_options;
    return;
  }
  const options = asObject(body.stream_options);
  if (options?.include_usage !== true) body.stream_options = { ...options, include_usage: true };
}

function dropConfigured(
  body: MutableJsonObject,
  context: RequestContext,
  deployment: Deployment,
  report: ParameterReport,
): void {
  for (const names of [deployment.settings.additionalDropParams ?? [], context.controls.additionalDropParams]) {
    for (const name of names) {
      if (body[name] === undefined) continue;
      delete body[name];
      report.dropped(name, "named in additional_drop_params");
    }
  }
}

/** Without `drop_params`, a Chat Completions parameter that the target cannot express refuses the request. */
function refuseUnsupported(
  context: RequestContext,
  deployment: Deployment,
  provider: Provider,
  report: ParameterReport,
): void {
  if (report.changes.length === 0 || context.client.id !== "openai-chat") return;
  const drop = context.controls.dropParams ?? deployment.settings.dropParams ?? context.snapshot.library.dropParams;
  if (drop) return;
  const refused = report.changes
    .filter((change) => change.unsupported === true && OPENAI_CHAT_PARAMETERS.has(change.parameter))
    .map((change) => change.parameter);
  if (refused.length === 0) return;
  throw new GatewayError(
    "unsupported_params",
    `litellm.UnsupportedParamsError: ${provider.id} does not support parameters: ${JSON.stringify(refused)}, for model=${deployment.upstreamModel}. ` +
      "To drop these, set `litellm.drop_params=True` or for proxy: `litellm_settings: drop_params: true`.",
    { param: refused[0] },
  );
}

function capabilitiesOf(deployment: Deployment): Capabilities {
  const { facts } = deployment;
  return {
    ...(facts.maxOutputTokens === undefined ? {} : { maxOutputTokens: facts.maxOutputTokens }),
    ...(facts.supports.vision === undefined ? {} : { vision: facts.supports.vision }),
    ...(facts.supports.reasoning === undefined ? {} : { reasoning: facts.supports.reasoning }),
    ...(facts.supports.response_schema === undefined ? {} : { responseSchema: facts.supports.response_schema }),
    ...(facts.supports.prompt_caching === undefined ? {} : { promptCaching: facts.supports.prompt_caching }),
  };
}
