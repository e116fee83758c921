import { endpointUrl } from "../../providers/endpoint-url.ts";
import type { Endpoint, OutboundRequest, Send } from "../../providers/provider.ts";
import type { Target } from "../attempt-run.ts";
import { plainCall } from "../plain-call.ts";

/**
 * Where a realtime session is opened, and with what header fields. Azure takes the deployment as a parameter of
 * `/openai/realtime`, all others the model: https://learn.microsoft.com/azure/ai-foundry/openai/realtime-audio-reference
 * (2026-11-25)
 */
export async function realtimeAddress(
  { deployment, provider, model }: Target,
  endpoint: Endpoint,
  options: { readonly transcribes: boolean; readonly beta: string | undefined; readonly send: Send },
): Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }> {
  const call = plainCall(deployment, "realtime", { model, stream: true });
  const url = new URL(endpointUrl(endpoint, call));
  const dated = /^(.*)\/openai\/deployments\/([^/]+)\/realtime$/.exec(url.pathname);
  if (dated !== null) {
    url.pathname = `${dated[1]}/openai/realtime`;
    url.searchParams.set("deployment", decodeURIComponent(dated[2] ?? ""));
  } else if (!options.transcribes) {
    url.searchParams.set("model", model);
  }
  if (options.transcribes) url.searchParams.set("intent", "transcription");
  let outbound: OutboundRequest = {
    method: "GET",
    url: url.href,
    headers: { ...deployment.target.headers, ...endpoint.headers, ...deployment.settings.extraHeaders },
    body: undefined,
  };
  if (provider.sign !== undefined) outbound = await provider.sign(outbound, call, options.send);
  const headers = options.beta === undefined ? outbound.headers : { ...outbound.headers, "openai-beta": options.beta };
  return { url: outbound.url.replace(/^http/, "ws"), headers };
}
