import type { Call, Endpoint, OutboundRequest, Provider, Send } from "../providers/provider.ts";
import type { Deadline, Watched } from "../upstream/deadline-wheel.ts";
import { fromResponse, type PendingCall, toResponse, type UpstreamResponse } from "../upstream/transport.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";

/** Why an attempt was aborted. */
export class AttemptTimeout extends Error {
  override readonly name = "AttemptTimeout";
  readonly seconds: number;
  constructor(seconds: number) {
    super(`no answer within ${seconds} s`);
    this.seconds = seconds;
  }
}

export class ClientGone extends Error {
  override readonly name = "ClientGone";
  constructor() {
    super("the client closed the connection");
  }
}

/** The caller's budget pays for no more of a stream. */
export class BudgetEnded extends Error {
  override readonly name = "BudgetEnded";
  constructor() {
    super("the budget pays for no more output");
  }
}

/** Another attempt at the same request has the answer. */
export class Superseded extends Error {
  override readonly name = "Superseded";
  constructor() {
    super("another attempt answered first");
  }
}

export interface UpstreamCallOptions {
  readonly provider: Pick<Provider, "sign">;
  readonly endpoint: Pick<Endpoint, "exchange">;
  readonly call: Call;
  readonly outbound: OutboundRequest;
  readonly timeoutSeconds: number;
  /** Called when the request itself is about to go out: from then on the provider may bill. */
  readonly onSend: () => void;
}

/**
 * One call to a provider, signing and multi-step protocols included, that ends when its time is up or its client is
 * gone. `finish` must be called when nobody waits for it any more.
 */
export class UpstreamCall implements Watched {
  readonly #gateway: Gateway;
  readonly #options: UpstreamCallOptions;
  readonly #request: Request;
  readonly #deadline: Deadline;
  readonly #superseded: AbortSignal | undefined;
  #signal: AbortSignal | undefined;
  #current: PendingCall | undefined;
  #reason: Error | undefined;

  constructor(gateway: Gateway, context: RequestContext, options: UpstreamCallOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#request = context.request;
    this.#deadline = gateway.deadlines.add(options.timeoutSeconds, this);
    this.#superseded = context.superseded;
    if (this.#superseded?.aborted === true) this.#beaten();
    else this.#superseded?.addEventListener("abort", this.#beaten, { once: true });
  }

  expired(): void {
    this.abort(new AttemptTimeout(this.#options.timeoutSeconds));
  }

  /** A request's signal costs as much as all its headers, so only a call that lasts has one. */
  lasting(): void {
    this.#signal = this.#request.signal;
    if (this.#signal.aborted) this.#gone();
    else this.#signal.addEventListener("abort", this.#gone, { once: true });
  }

  readonly #gone = (): void => this.abort(new ClientGone());
  readonly #beaten = (): void => this.abort(new Superseded());

  /** Why it was aborted; undefined when it was not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Sends and waits for the head of the answer. Rejects with the abort's reason or the connection's error. */
  response(): Promise<UpstreamResponse> {
    const { provider, endpoint, outbound, onSend } = this.#options;
    if (provider.sign !== undefined || endpoint.exchange !== undefined) return this.#steps();
    onSend();
    return this.#open(outbound).response;
  }

  async #steps(): Promise<UpstreamResponse> {
    const { provider, endpoint, call, onSend } = this.#options;
    let { outbound } = this.#options;
    if (provider.sign !== undefined) outbound = await provider.sign(outbound, call, this.#send);
    onSend();
    if (endpoint.exchange === undefined) return this.#open(outbound).response;
    return fromResponse(await endpoint.exchange(outbound, this.#send, call));
  }

  readonly abort = (reason: Error): void => {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#current?.abort(reason);
  };

  /** Neither the time limit nor the client's leaving ends it any more. */
  finish(): void {
    this.#deadline.done();
    this.#signal?.removeEventListener("abort", this.#gone);
    this.#superseded?.removeEventListener("abort", this.#beaten);
  }

  readonly #send: Send = async (request) => toResponse(await this.#open(request).response);

  #open(request: OutboundRequest): PendingCall {
    if (this.#reason !== undefined) throw this.#reason;
    const pending = this.#gateway.transport.open(request);
    this.#current = pending;
    return pending;
  }
}
