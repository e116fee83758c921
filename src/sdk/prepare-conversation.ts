import { GatewayError } from "../errors/gateway-error.ts";
import type { ConversationRequest } from "../formats/conversation.ts";
import type { Format } from "../formats/format.ts";
import { formatById } from "../formats/registry.ts";
import { asObject, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import type { CatalogueEntry } from "../pricing/catalogue.ts";
import { endpointUrl } from "../providers/endpoint-url.ts";
import { applyParameterRules } from "../providers/parameters.ts";
import type { Call, Endpoint, Provider } from "../providers/provider.ts";
import { selectEndpoint } from "../providers/select-endpoint.ts";
import type { Settings } from "./call-options.ts";
import type { Prepared } from "./send.ts";
import { resolveTarget } from "./target.ts";

export interface PreparedConversation extends Prepared {
  readonly conversation: ConversationRequest;
  readonly entry: CatalogueEntry | undefined;
}

/** A body in the client's format as the request that its provider takes. Throws GatewayError. */
export function prepareConversation(
  client: Format,
  model: string,
  body: JsonObject,
  settings: Settings,
): PreparedConversation {
  const { provider, call, entry } = resolveTarget(model, "chat", body.stream === true, settings);
  const endpoint = selectEndpoint(provider, "chat", client.id, call);
  if (endpoint === undefined) {
    throw new GatewayError("invalid_request", `${provider.label} has no endpoint for conversations`, {
      param: "model",
    });
  }
  const asked: Call = endpoint.streams === false ? { ...call, stream: false } : call;
  const conversation = client.decodeRequest({ ...body, model: call.model });
  const format = formatById(endpoint.format);
  const wire = encode(client, body, conversation, format, endpoint, asked, provider);
  const refused = call.report.changes.find((change) => change.unsupported === true);
  if (refused !== undefined && !settings.dropParams) {
    throw new GatewayError(
      "unsupported_params",
      `${provider.id} does not support ${refused.parameter}: ${refused.reason}. Set dropParams to leave it out.`,
      { param: refused.parameter },
    );
  }
  const headers = {
    "content-type": "application/json",
    ...call.target.headers,
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
  client: Format,
  body: JsonObject,
  conversation: ConversationRequest,
  format: Format,
  endpoint: Endpoint,
  call: Call,
  provider: Provider,
): MutableJsonObject {
  const { maxOutputTokens } = call.facts;
  const wire: MutableJsonObject =
    format.id === client.id
      ? { ...body, model: call.model }
      : {
          ...format.encodeRequest(
            { ...conversation, stream: call.stream },
            {
              model: call.model,
              provider: provider.id,
              owner: typeof provider.owner === "string" ? provider.owner : provider.owner(call.model),
              capabilities: maxOutputTokens === undefined ? {} : { maxOutputTokens },
              report: call.report,
              modifyParams: false,
            },
          ),
        };
  if (format.id === "openai-chat" && call.stream && endpoint.streamUsageOption !== false) {
    wire.stream_options = { ...asObject(wire.stream_options), include_usage: true };
  }
  if (endpoint.parameters !== undefined) applyParameterRules(wire, endpoint.parameters, call);
  return wire;
}
