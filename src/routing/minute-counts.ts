import type { MinuteUse } from "./shared/minute-tally.ts";

const MINUTE_MS = 60_000;

/** What one deployment did in the present minute of the clock (UTC), as LiteLLM's counters have it. */
export class MinuteCounts {
  #minute = -1;
  #requests = 0;
  #tokens = 0;
  #successes = 0;
  #failures = 0;
  #otherRequests = 0;
  #otherTokens = 0;

  /** Requests begun, those of other processes included as far as they told. */
  requests(now: number): number {
    this.#turn(now);
    return this.#requests + this.#otherRequests;
  }

  /** Tokens of finished calls, those of other processes included as far as they told. */
  tokens(now: number): number {
    this.#turn(now);
    return this.#tokens + this.#otherTokens;
  }

  successes(now: number): number {
    this.#turn(now);
    return this.#successes;
  }

  failures(now: number): number {
    this.#turn(now);
    return this.#failures;
  }

  /** This process's own part, for those who share it. */
  own(now: number): MinuteUse {
    this.#turn(now);
    return { requests: this.#requests, tokens: this.#tokens };
  }

  began(now: number): void {
    this.#turn(now);
    this.#requests++;
  }

  used(tokens: number, now: number): void {
    this.#turn(now);
    this.#tokens += tokens;
  }

  ended(success: boolean, now: number): void {
    this.#turn(now);
    if (success) this.#successes++;
    else this.#failures++;
  }

  /** What all other processes did in a minute; ignored when that minute is over. */
  others(minute: number, { requests, tokens }: MinuteUse, now: number): void {
    this.#turn(now);
    if (minute !== this.#minute) return;
    this.#otherRequests = requests;
    this.#otherTokens = tokens;
  }

  #turn(now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#requests = 0;
    this.#tokens = 0;
    this.#successes = 0;
    this.#failures = 0;
    this.#otherRequests = 0;
    this.#otherTokens = 0;
  }
}

/** Seconds until the counters start anew, at least 1. */
export function secondsToNextMinute(now: number): number {
  return Math.max(1, Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000));
}
