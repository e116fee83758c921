import { GatewayError } from "../../errors/gateway-error.ts";
import type { OutboundRequest, Provider } from "../../providers/provider.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import { type PendingCall, type RequestBody, toResponse, type UpstreamResponse } from "../../upstream/transport.ts";
import type { Gateway } from "../gateway.ts";
import { plainCall } from "../plain-call.ts";

/** Where a request for what a provider keeps goes. */
export interface ProviderPlace {
  readonly provider: Provider;
  readonly deployment: Deployment;
}

/** The address of one of a provider's objects. `path` begins behind `/v1`; `query` has what the caller asked. */
export function resourceUrl(
  { provider, deployment }: ProviderPlace,
  path: string,
  query = new URLSearchParams(),
): string {
  const { target } = deployment;
  const url = new URL(target.base + (provider.resources?.path?.(path, target) ?? path));
  for (const [name, value] of query) url.searchParams.append(name, value);
  for (const [name, value] of Object.entries(target.query ?? {})) {
    if (!url.searchParams.has(name)) url.searchParams.set(name, value);
  }
  return url.href;
}

export interface ProviderRequest {
  readonly method: OutboundRequest["method"];
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  /** Until the head of the answer, in seconds. */
  readonly timeout: number;
}

export interface ProviderAnswer {
  readonly response: UpstreamResponse;
  /** Ends the answer. */
  abort(reason: Error): void;
}

/** A call that no caller waits for, or that is a part of another. Rejects when no answer came in time. */
export async function callProvider(
  gateway: Gateway,
  place: ProviderPlace,
  request: ProviderRequest,
): Promise<UpstreamResponse> {
  return (await openProviderCall(gateway, place, request)).response;
}

/** The same, for an answer that may have to be ended. */
export async function openProviderCall(
  gateway: Gateway,
  place: ProviderPlace,
  { method, path, headers, body, timeout }: ProviderRequest,
): Promise<ProviderAnswer> {
  const { provider, deployment } = place;
  let pending: PendingCall | undefined;
  const late = new GatewayError("timeout", `${provider.label} did not answer within ${timeout} s`);
  const deadline = gateway.deadlines.add(timeout, { expired: () => pending?.abort(late) });
  try {
    const outbound: OutboundRequest = {
      method,
      url: resourceUrl(place, path),
      headers: { ...deployment.target.headers, ...deployment.settings.extraHeaders, ...headers },
      body,
    };
    const send = async (request: OutboundRequest): Promise<Response> => {
      pending = gateway.transport.open(request);
      return toResponse(await pending.response);
    };
    const signed =
      provider.sign === undefined
        ? outbound
        : await provider.sign(outbound, plainCall(place.deployment, "completions"), send);
    const last = gateway.transport.open(signed);
    pending = last;
    return { response: await last.response, abort: (reason) => last.abort(reason) };
  } finally {
    deadline.done();
  }
}
