import type { ErrorCode } from "../errors/gateway-error.ts";
import { DecayedSum } from "./decayed.ts";
import { LatencySamples } from "./latency-samples.ts";
import { MinuteCounts } from "./minute-counts.ts";

/** Why a deployment gets no requests for a while. */
export interface Cooldown {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly until: number;
  readonly code: ErrorCode;
}

/**
 * `half-open`: the cooldown's time is over, and no call has shown yet that the deployment works again. While others can
 * serve, it gets one call at a time.
 */
export type CooldownPhase = "none" | "cooling" | "half-open";

const HALF_LIFE_MS = 30_000;
/** Kinds of failures are the error codes, and two more. */
const MOST_KINDS = 64;

/** What a provider said is left of its own limits, as shares from 0 to 1. */
export interface Headroom {
  readonly share: number;
  /** Milliseconds since the epoch; the figure is worth nothing a minute later. */
  readonly at: number;
}

/** What is known of one deployment while it runs. All times are milliseconds since the epoch, given by the caller. */
export class DeploymentState {
  readonly id: string;
  /** Calls under way. */
  inFlight = 0;
  readonly minute = new MinuteCounts();
  /** Seconds per completion token, LiteLLM's measure. */
  readonly perToken = new LatencySamples();
  cooldown: Cooldown | undefined;
  /** Calls under way that began when the deployment was half-open. */
  probes = 0;
  /** Until when this process is the one that may try the half-open deployment; always, where it shares with nobody. */
  probeUntil = Number.POSITIVE_INFINITY;
  /** A request passed the half-open deployment by, and would have tried it. */
  probeWanted = false;
  /** The background check's last word. */
  health: { readonly healthy: boolean; readonly at: number; readonly transient: boolean } | undefined;
  headroom: Headroom | undefined;
  readonly #failures = new Map<string, { readonly count: number; readonly until: number }>();
  readonly #calls = new DecayedSum(HALF_LIFE_MS);
  readonly #failed = new DecayedSum(HALF_LIFE_MS);
  readonly #seconds = new DecayedSum(HALF_LIFE_MS);
  readonly #measured = new DecayedSum(HALF_LIFE_MS);

  constructor(id: string) {
    this.id = id;
  }

  phase(now: number): CooldownPhase {
    if (this.cooldown === undefined) return "none";
    return now < this.cooldown.until ? "cooling" : "half-open";
  }

  /** Whether a half-open deployment may be tried by one more call of this process. */
  mayProbe(now: number): boolean {
    return this.probes === 0 && now < this.probeUntil;
  }

  /** Counts a failure among those of its kind in the last `ttl` milliseconds and says how many there are. */
  countFailure(now: number, ttl: number, kind = ""): number {
    const before = this.#failures.get(kind);
    const count = before !== undefined && now < before.until ? before.count + 1 : 1;
    if (before !== undefined || this.#failures.size < MOST_KINDS) this.#failures.set(kind, { count, until: now + ttl });
    return count;
  }

  forgetFailures(): void {
    this.#failures.clear();
  }

  ended(success: boolean, now: number): void {
    this.#calls.add(1, now);
    if (!success) this.#failed.add(1, now);
  }

  /** Seconds to the first content, or to the answer where it comes whole. */
  measured(seconds: number, now: number): void {
    this.#seconds.add(seconds, now);
    this.#measured.add(1, now);
  }

  /** Mean of the last seconds-to-first-content, recent ones first; undefined when nothing was measured lately. */
  latency(now: number): number | undefined {
    const count = this.#measured.at(now);
    return count < 0.01 ? undefined : this.#seconds.at(now) / count;
  }

  /** Share of recent calls that failed, from 0 to 1; a few calls say little. */
  errorRate(now: number): number {
    return this.#failed.at(now) / (this.#calls.at(now) + 1);
  }
}
