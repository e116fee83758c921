import type { ErrorCode } from "../../errors/gateway-error.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";
import type { FailureFacts } from "../cooldown.ts";
import { seededRandom, seedOf } from "./random.ts";

/** A time in which a deployment does not work. Seconds since the first request. */
export interface Outage {
  readonly from: number;
  readonly to: number;
  /** What callers see; default `service_unavailable`. `timeout` means that it hangs. */
  readonly code: ErrorCode;
}

/** How a deployment behaves in a simulation. */
export interface Behaviour {
  /** Seconds to the first content, the median. */
  readonly firstSeconds: number;
  /** Seconds per completion token. */
  readonly secondsPerToken: number;
  /** Share of calls that fail, and how. */
  readonly errorRate: number;
  readonly errorCode: ErrorCode;
  readonly outages: readonly Outage[];
  /** Requests a minute that the provider takes; more get 429. */
  readonly rpmLimit: number | undefined;
}

export interface SimulatedCall {
  /** Seconds until the failure, or until the first content. */
  readonly firstSeconds: number;
  /** Seconds until the end of the answer. */
  readonly totalSeconds: number;
  readonly failure: FailureFacts | undefined;
}

/** Seconds that a refusal takes. */
const REFUSAL_SECONDS = 0.05;
const MINUTE_MS = 60_000;

/** What each deployment answers: the same calls get the same answers, whatever the others do. */
export class ProviderModel {
  readonly #behaviour: Behaviour;
  readonly #random: () => number;
  readonly #start: number;
  #minute = -1;
  #count = 0;

  constructor(deployment: Deployment, behaviour: Behaviour, seed: number, start: number) {
    this.#behaviour = behaviour;
    this.#random = seededRandom(seedOf(seed, deployment.id));
    this.#start = start;
  }

  /** `timeout` in seconds: how long a caller waits for a deployment that hangs. */
  call(now: number, completionTokens: number, timeout: number): SimulatedCall {
    const { firstSeconds, secondsPerToken, errorRate, errorCode, outages, rpmLimit } = this.#behaviour;
    const chance = this.#random();
    const spread = this.#random();
    const since = (now - this.#start) / 1000;
    const outage = outages.find(({ from, to }) => since >= from && since < to);
    if (outage !== undefined) return failed(outage.code, outage.code === "timeout" ? timeout : REFUSAL_SECONDS);
    if (rpmLimit !== undefined && this.#overLimit(now, rpmLimit)) {
      return failed("rate_limit", REFUSAL_SECONDS, Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000));
    }
    if (chance < errorRate) return failed(errorCode, errorCode === "timeout" ? timeout : REFUSAL_SECONDS);
    // Half to twice the median, skewed as waiting times are.
    const first = firstSeconds * 2 ** (2 * spread - 1);
    if (first > timeout) return failed("timeout", timeout);
    return { firstSeconds: first, totalSeconds: first + completionTokens * secondsPerToken, failure: undefined };
  }

  #overLimit(now: number, limit: number): boolean {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#count = 0;
    }
    this.#count++;
    return this.#count > limit;
  }
}

function failed(code: ErrorCode, seconds: number, retryAfter?: number): SimulatedCall {
  const retryable = code !== "authentication" && code !== "not_found" && code !== "invalid_request";
  return { firstSeconds: seconds, totalSeconds: seconds, failure: { code, retryable, retryAfter } };
}
