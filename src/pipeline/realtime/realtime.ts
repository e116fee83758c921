import { GatewayError, UpstreamError } from "../../errors/gateway-error.ts";
import { toResponse } from "../../upstream/transport.ts";
import type { Usage } from "../../usage/usage.ts";
import type { AttemptRun } from "../attempt-run.ts";
import type { Gateway } from "../gateway.ts";
import type { RequestContext } from "../request-context.ts";
import { runAttempts } from "../run-attempts.ts";
import { timeoutOf } from "../time-limits.ts";
import { ClientGone } from "../upstream-call.ts";
import { realtimeAddress } from "./realtime-address.ts";
import { RealtimeSession, type SessionEnd, type SocketHandler } from "./realtime-session.ts";

/** OpenAI ends a session after an hour: https://platform.openai.com/docs/guides/realtime-conversations (2026-11-25) */
const LONGEST_SESSION_SECONDS = 3600;

export interface RealtimeRequest {
  readonly transcribes: boolean;
  /** The `OpenAI-Beta` field of the caller. */
  readonly beta: string | undefined;
  /** Turns the client's request into a socket; false when it cannot be. */
  readonly upgrade: (handler: SocketHandler) => boolean;
  /** What the server takes instead of an answer when the socket is open. */
  readonly upgraded: Response;
}

/** Sessions under way, to be ended when the gateway stops. */
export class RealtimeSessions {
  readonly #open = new Set<RealtimeSession>();

  add(session: RealtimeSession): void {
    this.#open.add(session);
  }

  delete(session: RealtimeSession): void {
    this.#open.delete(session);
  }

  get size(): number {
    return this.#open.size;
  }

  closeAll(): void {
    for (const session of this.#open) session.goAway();
  }
}

/**
 * Opens a session at one of the model's deployments and bridges it: refusals, and deployments that cannot be reached,
 * are told before the client's handshake is answered, so that retries and fallbacks work as for every call. One row.
 */
export function openRealtime(
  gateway: Gateway,
  sessions: RealtimeSessions,
  context: RequestContext,
  request: RealtimeRequest,
): Promise<Response> {
  return runAttempts(gateway, context, async (run) => {
    const { target } = run;
    const endpoint = target.provider.endpoints.realtime?.[0];
    if (endpoint === undefined) {
      throw new GatewayError("invalid_request", `${target.provider.label} has no realtime sessions.`, {
        param: "model",
      });
    }
    run.beforeCall();
    const { url, headers } = await realtimeAddress(target, endpoint, {
      transcribes: request.transcribes,
      beta: request.beta,
      send: async (outbound) => toResponse(await gateway.transport.open(outbound).response),
    });
    run.progress.sent = true;
    const upstream = await connected(gateway, run.context, {
      url,
      headers,
      seconds: timeoutOf(run.context, target.deployment),
    });
    return bridge(gateway, sessions, run, upstream, request);
  });
}

function bridge(
  gateway: Gateway,
  sessions: RealtimeSessions,
  run: AttemptRun,
  upstream: WebSocket,
  request: RealtimeRequest,
): Response {
  const ended = (end: SessionEnd, usage: Usage): void => {
    sessions.delete(session);
    deadline.done();
    run.progress.usage = usage;
    run.end({ status: end, httpStatus: 101 });
    run.settlement.settle({ status: end, httpStatus: end === "failure" ? 502 : 101 });
  };
  const session = new RealtimeSession(upstream, request.transcribes, ended);
  const deadline = gateway.deadlines.add(LONGEST_SESSION_SECONDS, { expired: () => session.expire() });
  sessions.add(session);
  try {
    run.answered();
  } catch (error) {
    session.goAway();
    throw error;
  }
  if (request.upgrade(session)) return request.upgraded;
  session.end("cancelled", 1000, "");
  throw new ClientGone();
}

/** Rejects with UpstreamError when the provider does not open a socket in time. */
function connected(
  gateway: Gateway,
  { request }: RequestContext,
  {
    url,
    headers,
    seconds,
  }: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly seconds: number },
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    // Bun's client takes header fields, which browsers' do not.
    const socket = new WebSocket(url, { headers } as unknown as string[]);
    socket.binaryType = "arraybuffer";
    const fail = (error: Error): void => {
      deadline.done();
      request.signal.removeEventListener("abort", gone);
      socket.close();
      reject(error);
    };
    const gone = (): void => fail(new ClientGone());
    const deadline = gateway.deadlines.add(seconds, {
      expired: () => fail(new UpstreamError({ code: "timeout", message: `no realtime session within ${seconds} s` })),
    });
    request.signal.addEventListener("abort", gone, { once: true });
    socket.addEventListener("open", () => {
      deadline.done();
      request.signal.removeEventListener("abort", gone);
      resolve(socket);
    });
    socket.addEventListener("close", ({ code, reason }) =>
      fail(
        new UpstreamError({
          code: "api_connection",
          message: `the provider did not open a realtime session: ${reason === "" ? `code ${code}` : reason}`,
        }),
      ),
    );
  });
}
