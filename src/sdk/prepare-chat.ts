import { GatewayError } from "../errors/gateway-error.ts";
import type { ConversationRequest } from "../formats/conversation.ts";
import type { Format } from "../formats/format.ts";
import { formatById } from "../formats/registry.ts";
import { ParameterReport } from "../formats/report.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { type CatalogueEntry, findEntry } from "../pricing/catalogue.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { applyParameterRules } from "../providers/parameters.ts";
import {
  type Call,
  type Endpoint,
  isConfigureProblem,
  type OutboundRequest,
  type Provider,
} from "../providers/provider.ts";
import { resolveModel } from "../providers/registry.ts";
import { selectEndpoint } from "../providers/select-endpoint.ts";

export interface PreparedChat {
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  readonly format: Format;
  readonly call: Call;
  readonly outbound: OutboundRequest;
  readonly conversation: ConversationRequest;
  readonly entry: CatalogueEntry | undefined;
}

export interface ChatTarget {
  /** `provider/model`. */
  readonly model: string;
  /** Credentials and addresses in the words of litellm_params. */
  readonly params: JsonObject;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly dropParams: boolean;
}

/** A Chat Completions body as the request that its provider takes. Throws GatewayError. */
export function prepareChat(body: JsonObject, target: ChatTarget): PreparedChat {
  const resolved = resolveModel({
    model: target.model,
    apiBase: typeof target.params.api_base === "string" ? target.params.api_base : undefined,
    catalogueProvider: (name) => findEntry(name)?.provider,
  });
  if ("problem" in resolved) throw new GatewayError("invalid_request", resolved.problem, { param: "model" });
  const { provider } = resolved;
  const configured = provider.configure({
    params: target.params,
    model: resolved.model,
    environment: target.environment,
  });
  if (isConfigureProblem(configured))
    throw new GatewayError("authentication", configured.message, { param: configured.key });
  const name = resolved.model.replace(/^responses\//, "");
  const entry = findEntry(`${provider.id}/${name}`) ?? findEntry(name, provider.id);
  const call: Call = {
    operation: "chat",
    model: provider.upstreamModel?.(name, configured) ?? name,
    stream: body.stream === true,
    target: configured,
    facts: {
      supports: entry?.supports ?? {},
      ...(entry?.maxOutputTokens === undefined ? {} : { maxOutputTokens: entry.maxOutputTokens }),
    },
    report: new ParameterReport(),
    modifyParams: false,
  };
  const endpoint = selectEndpoint(provider, "chat", "openai-chat", call);
  if (endpoint === undefined)
    throw new GatewayError("invalid_request", `${provider.label} has no endpoint for conversations`, {
      param: "model",
    });
  const asked: Call = endpoint.streams === false ? { ...call, stream: false } : call;
  const conversation = formatById("openai-chat").decodeRequest({ ...body, model: call.model });
  const format = formatById(endpoint.format);
  const wire = encode(body, conversation, format, endpoint, asked, provider, call.facts.maxOutputTokens);
  const refused = call.report.changes.find((change) => change.unsupported === true);
  if (refused !== undefined && !target.dropParams) {
    throw new GatewayError(
      "unsupported_params",
      `${provider.id} does not support ${refused.parameter}: ${refused.reason}. Set dropParams to leave it out.`,
      { param: refused.parameter },
    );
  }
  const headers = {
    "content-type": "application/json",
    ...configured.headers,
    ...endpoint.headers,
    ...endpoint.bodyHeaders?.(wire, asked),
  };
  return {
    provider,
    endpoint,
    format,
    call: asked,
    conversation,
    entry,
    outbound: { method: "POST", url: endpointUrl(endpoint, asked), headers, body: JSON.stringify(wire) },
  };
}

function encode(
  body: JsonObject,
  conversation: ConversationRequest,
  format: Format,
  endpoint: Endpoint,
  call: Call,
  provider: Provider,
  maxOutputTokens: number | undefined,
): MutableJsonObject {
  const owner = typeof provider.owner === "string" ? provider.owner : provider.owner(call.model);
  const wire: MutableJsonObject =
    format.id === "openai-chat"
      ? { ...body, model: call.model }
      : {
          ...format.encodeRequest(
            { ...conversation, stream: call.stream },
            {
              model: call.model,
              provider: provider.id,
              owner,
              capabilities: maxOutputTokens === undefined ? {} : { maxOutputTokens },
              report: call.report,
              modifyParams: false,
            },
          ),
        };
  if (format.id === "openai-chat" && call.stream && endpoint.streamUsageOption !== false) {
    wire.stream_options = { ...asObject(body.stream_options), include_usage: true };
  }
  if (endpoint.parameters !== undefined) applyParameterRules(wire, endpoint.parameters, call);
  return wire;
}
