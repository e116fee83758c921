import { type MinuteUse, NO_USE } from "./shared/minute-tally.ts";
import type { TokenReservation } from "./token-reservation.ts";

const MINUTE_MS = 60_000;

/** Tokens of one call. */
export interface UsedTokens {
  readonly total: number;
  /** Without what came out of a provider's cache. */
  readonly input: number;
  readonly output: number;
}

/** What one deployment did in the present minute of the clock (UTC), as LiteLLM's counters have it. */
export class MinuteCounts {
  #minute = -1;
  #requests = 0;
  #tokens = 0;
  #input = 0;
  #output = 0;
  #successes = 0;
  #failures = 0;
  #others = NO_USE;

  /** Requests begun, those of other processes included as far as they told. */
  requests(now: number): number {
    this.#turn(now);
    return this.#requests + this.#others.requests;
  }

  /** Tokens of finished calls, those of other processes included as far as they told. */
  tokens(now: number): number {
    this.#turn(now);
    return this.#tokens + this.#others.tokens;
  }

  /** Input tokens, without cached ones, and what calls under way hold; of all processes as far as they told. */
  input(now: number): number {
    this.#turn(now);
    return this.#input + this.#others.input;
  }

  /** Output tokens, and what calls under way hold; of all processes as far as they told. */
  output(now: number): number {
    this.#turn(now);
    return this.#output + this.#others.output;
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
    return { requests: this.#requests, tokens: this.#tokens, input: this.#input, output: this.#output };
  }

  began(now: number): void {
    this.#turn(now);
    this.#requests++;
  }

  used({ total, input, output }: UsedTokens, now: number): void {
    this.#turn(now);
    this.#tokens += total;
    this.#input += input;
    this.#output += output;
  }

  /** Holds tokens for a call that begins; returns the minute in which they count. */
  reserve({ input, output }: TokenReservation, now: number): number {
    this.#turn(now);
    this.#input += input;
    this.#output += output;
    return this.#minute;
  }

  /** Gives back what was held, unless its minute is over. */
  release({ input, output }: TokenReservation, minute: number, now: number): void {
    this.#turn(now);
    if (minute !== this.#minute) return;
    this.#input -= input;
    this.#output -= output;
  }

  ended(success: boolean, now: number): void {
    this.#turn(now);
    if (success) this.#successes++;
    else this.#failures++;
  }

  /** What all other processes did in a minute; ignored when that minute is over. */
  others(minute: number, use: MinuteUse, now: number): void {
    this.#turn(now);
    if (minute === this.#minute) this.#others = use;
  }

  #turn(now: number): void {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#minute = minute;
    this.#requests = 0;
    this.#tokens = 0;
    this.#input = 0;
    this.#output = 0;
    this.#successes = 0;
    this.#failures = 0;
    this.#others = NO_USE;
  }
}

/** Seconds until the counters start anew, at least 1. */
export function secondsToNextMinute(now: number): number {
  return Math.max(1, Math.ceil((MINUTE_MS - (now % MINUTE_MS)) / 1000));
}
