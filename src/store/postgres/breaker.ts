/** Failures in a row after which nothing is tried for a while. */
const THRESHOLD = 3;

/** How long nothing is tried, in milliseconds; then one call after the other finds out. */
const OPEN_MS = 1_000;

/** How long a failure says something of now, when nobody has tried since. */
const TELLING_MS = 10_000;

/** Keeps callers from waiting, each for its whole time-out, for a database that just failed others. */
export class Breaker {
  readonly #now: () => number;
  #failures = 0;
  #openUntil = 0;
  #failedAt = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the next call should be refused without trying. */
  get open(): boolean {
    return this.#failures >= THRESHOLD && this.#now() < this.#openUntil;
  }

  /** Whether the last calls failed, a short while ago at most. */
  get failing(): boolean {
    return this.#failures >= THRESHOLD && this.#now() < this.#failedAt + TELLING_MS;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
    this.#failedAt = this.#now();
    if (this.#failures >= THRESHOLD) this.#openUntil = this.#failedAt + OPEN_MS;
  }
}
