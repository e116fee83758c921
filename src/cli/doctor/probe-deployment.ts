import { UpstreamError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import type { MutableJsonObject } from "../../json/json.ts";
import { secretsOf, withoutSecrets } from "../../pipeline/deployment-secrets.ts";
import type { Gateway } from "../../pipeline/gateway.ts";
import { plainCall } from "../../pipeline/plain-call.ts";
import { providerHeaders } from "../../pipeline/provider-headers.ts";
import { endpointUrl } from "../../providers/endpoint-url.ts";
import { applyParameterRules } from "../../providers/parameters.ts";
import type { OutboundRequest, Send } from "../../providers/provider.ts";
import { findProvider } from "../../providers/registry.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import {
  connectionFailure,
  fromResponse,
  type PendingCall,
  toResponse,
  type UpstreamHeaders,
} from "../../upstream/transport.ts";

export type ProbeOutcome =
  | { readonly healthy: true; readonly rateLimits: Readonly<Record<string, string>> }
  | { readonly healthy: false; readonly error: string };

/** LiteLLM's prompt and bound for health checks. */
const PROMPT = "test from litellm";
const MAX_TOKENS = 16;
const DEFAULT_TIMEOUT_SECONDS = 60;

/** Calls a deployment with a tiny conversation. A pattern needs `model_info.health_check_model`. */
export async function probeDeployment(
  gateway: Pick<Gateway, "transport" | "deadlines">,
  deployment: Deployment,
  clientSignal: AbortSignal,
): Promise<ProbeOutcome> {
  const provider = findProvider(deployment.provider);
  const endpoint = provider?.endpoints.chat?.[0];
  if (provider === undefined || endpoint === undefined)
    return { healthy: false, error: "the provider has no endpoint for conversations" };
  const { info } = deployment;
  const wanted =
    typeof info.health_check_model === "string"
      ? info.health_check_model.replace(`${provider.id}/`, "")
      : deployment.upstreamModel;
  if (wanted.includes("*")) {
    return {
      healthy: false,
      error: "a wildcard deployment is probed by the model named in model_info.health_check_model",
    };
  }
  const seconds = typeof info.health_check_timeout === "number" ? info.health_check_timeout : DEFAULT_TIMEOUT_SECONDS;
  const model = provider.upstreamModel?.(wanted, deployment.target) ?? wanted;
  const call = plainCall(deployment, "chat", { model });
  const { report } = call;
  const format = formatById(endpoint.format);
  const send: Send = async (request) => toResponse(await open(request).response);
  let pending: PendingCall | undefined;
  let reason: Error | undefined;
  const open = (request: OutboundRequest): PendingCall => {
    if (reason !== undefined) throw reason;
    pending = gateway.transport.open(request);
    return pending;
  };
  const abort = (why: Error): void => {
    reason ??= why;
    pending?.abort(why);
  };
  const gone = (): void => abort(new Error("nobody waits for the answer any more"));
  clientSignal.addEventListener("abort", gone, { once: true });
  const deadline = gateway.deadlines.add(seconds, { expired: () => abort(new Error(`no answer within ${seconds} s`)) });
  try {
    const body: MutableJsonObject = {
      ...format.encodeRequest(
        {
          model,
          messages: [{ role: "user", parts: [{ type: "text", text: PROMPT }] }],
          sampling: {
            maxOutputTokens:
              typeof info.health_check_max_tokens === "number" ? info.health_check_max_tokens : MAX_TOKENS,
          },
        },
        { model, provider: provider.id, owner: provider.id, capabilities: {}, report, modifyParams: false },
      ),
      ...deployment.settings.extraBody,
    };
    if (endpoint.parameters !== undefined) applyParameterRules(body, endpoint.parameters, call);
    let outbound: OutboundRequest = {
      method: "POST",
      url: endpointUrl(endpoint, call),
      headers: {
        "content-type": "application/json",
        ...deployment.target.headers,
        ...endpoint.headers,
        ...deployment.settings.extraHeaders,
      },
      body: JSON.stringify(body),
    };
    if (provider.sign !== undefined) outbound = await provider.sign(outbound, call, send);
    const response =
      endpoint.exchange === undefined
        ? await open(outbound).response
        : fromResponse(await endpoint.exchange(outbound, send, call));
    const text = withoutSecrets(await response.text(), secretsOf(deployment));
    if (response.status >= 200 && response.status < 300)
      return { healthy: true, rateLimits: rateLimits(response.headers, deployment) };
    return {
      healthy: false,
      error: `${response.status}: ${format.decodeError(response.status, text, response.headers as Headers).message}`,
    };
  } catch (error) {
    if (error instanceof UpstreamError) return { healthy: false, error: error.message };
    if (reason !== undefined) return { healthy: false, error: reason.message };
    return { healthy: false, error: connectionFailure(error, deployment.target.base).message };
  } finally {
    deadline.done();
    clientSignal.removeEventListener("abort", gone);
  }
}

function rateLimits(headers: UpstreamHeaders, deployment: Deployment): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(providerHeaders(headers, deployment))) {
    if (name.startsWith("x-ratelimit-remaining-")) found[name] = value;
  }
  return found;
}
