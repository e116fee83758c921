import type { OutboundRequest } from "../providers/provider.ts";
import { Breaker } from "../store/redis/breaker.ts";
import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import type { Transport, UpstreamHeaders } from "../upstream/transport.ts";

const BREAKER_LIMIT = 5;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Calls without an answer beyond which further ones are refused. */
const MOST_PENDING = 256;

export interface RemoteAnswer {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly text: string;
}

/**
 * Calls to a service that the cache uses, with a time limit each. Where several fail in a row, one call in a while finds
 * out whether it is back, and the others are refused at once: a cache that is away must not slow down what it serves.
 */
export class RemoteCalls {
  readonly #transport: Transport;
  readonly #deadlines: DeadlineWheel;
  readonly #seconds: number;
  readonly #breaker = new Breaker(BREAKER_LIMIT);
  #retryAt = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pending = 0;

  constructor(options: {
    readonly transport: Transport;
    readonly deadlines: DeadlineWheel;
    /** Time limit of one call. */
    readonly seconds: number;
  }) {
    this.#transport = options.transport;
    this.#deadlines = options.deadlines;
    this.#seconds = options.seconds;
  }

  /** Sends what `request` makes (signatures may take calls of their own). A status of 500 and more is a failure, too. */
  async send(request: () => Promise<OutboundRequest> | OutboundRequest): Promise<RemoteAnswer> {
    this.#admit();
    this.#pending++;
    try {
      const answer = await this.#once(await request());
      if (answer.status >= 500) throw new Error(`status ${answer.status}`);
      this.#breaker.close();
      this.#pauseMs = FIRST_PAUSE_MS;
      return answer;
    } catch (error) {
      if (this.#breaker.failed()) this.#retryAt = performance.now() + this.#pauseMs;
      throw error;
    } finally {
      this.#pending--;
    }
  }

  #admit(): void {
    if (this.#pending >= MOST_PENDING) throw new Error("too many calls wait for an answer");
    if (!this.#breaker.open) return;
    if (performance.now() < this.#retryAt) throw new Error("it failed several times and is left alone for a while");
    // This call is the probe; the next one waits longer.
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    this.#retryAt = performance.now() + this.#pauseMs;
  }

  async #once(request: OutboundRequest): Promise<RemoteAnswer> {
    const call = this.#transport.open(request);
    const deadline = this.#deadlines.add(this.#seconds, {
      expired: () => call.abort(new Error(`no answer within ${this.#seconds} s`)),
    });
    try {
      const response = await call.response;
      return { status: response.status, headers: response.headers, text: await response.text() };
    } finally {
      deadline.done();
    }
  }
}
