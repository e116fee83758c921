import { UpstreamError } from "../errors/gateway-error.ts";
import type { Format } from "../formats/format.ts";
import type { Call, Endpoint, OutboundRequest, Provider, Send } from "../providers/provider.ts";
import { retryWait } from "../routing/retry-policy.ts";
import { connectionFailure } from "../upstream/connection-failure.ts";
import type { Settings } from "./call-options.ts";

/** A request that is ready to go out. */
export interface Prepared {
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  readonly format: Format;
  readonly call: Call;
  readonly outbound: OutboundRequest;
}

/** Makes one request. Rejects with UpstreamError, whatever the provider or the connection did, or with the abort. */
export async function sendOnce(prepared: Prepared, settings: Settings): Promise<Response> {
  const { provider, endpoint, format, call } = prepared;
  const signal = signalOf(settings);
  const send: Send = (request) =>
    settings.fetch(request.url, {
      method: request.method,
      headers: { ...request.headers },
      body: (request.body ?? null) as BodyInit | null,
      signal: signal ?? null,
    });
  let response: Response;
  try {
    const outbound =
      provider.sign === undefined ? prepared.outbound : await provider.sign(prepared.outbound, call, send);
    response = endpoint.exchange === undefined ? await send(outbound) : await endpoint.exchange(outbound, send, call);
  } catch (error) {
    if (settings.signal?.aborted === true || error instanceof UpstreamError) throw error;
    if (signal?.aborted === true) throw timedOut(settings);
    throw new UpstreamError(connectionFailure(error, prepared.outbound.url), { cause: error });
  }
  if (response.ok) return response;
  const text = await response.text();
  const failure = format.decodeError(response.status, text, response.headers);
  throw new UpstreamError(provider.classifyError?.(failure, response.status, text) ?? failure);
}

function signalOf({ signal, timeout }: Settings): AbortSignal | undefined {
  if (timeout === undefined) return signal;
  const limit = AbortSignal.timeout(timeout * 1000);
  return signal === undefined ? limit : AbortSignal.any([signal, limit]);
}

function timedOut({ timeout }: Settings): UpstreamError {
  return new UpstreamError({ code: "timeout", message: `Request timed out. - timeout value=${timeout}` });
}

/** Tries again what may pass, as often and after as long as the settings and the provider say. */
export async function withRetries<T>(settings: Settings, attempt: () => Promise<T>): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof UpstreamError && error.retryable && attempts <= settings.numRetries;
      if (!passing || settings.signal?.aborted === true) throw error;
      const seconds = retryWait({
        attempts,
        retryAfter: error.failure.retryAfter,
        minimum: 0,
        otherDeployment: false,
        random: Math.random(),
      });
      await pause(seconds, settings.signal);
    }
  }
}

/** Asks `model`, then each fallback, until one answers; throws what the last one failed with. */
export async function withFallbacks<T>(
  model: string,
  settings: Settings,
  ask: (model: string, settings: Settings) => Promise<T>,
): Promise<T> {
  const others = settings.fallbacks;
  for (const [index, name] of [model, ...others].entries()) {
    try {
      // A key and an address belong to the model that they were given for.
      return await ask(name, index === 0 ? settings : { ...settings, params: {} });
    } catch (error) {
      if (index === others.length || settings.signal?.aborted === true) throw error;
    }
  }
  throw new RangeError("there is always a model to ask");
}

function pause(seconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", gone);
      resolve();
    }, seconds * 1000);
    const gone = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", gone, { once: true });
  });
}
