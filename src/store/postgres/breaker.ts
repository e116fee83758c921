/** Failures in a row after which nothing is tried for a while. */
const THRESHOLD = 3;

/** How long nothing is tried, in milliseconds; then one call after the other finds out. */
const OPEN_MS = 1_000;

/** Keeps callers from waiting, each for its whole time-out, for a database that just failed others. */
export class Breaker {
  readonly #now: () => number;
  #failures = 0;
  #openUntil = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the next call should be refused without trying. */
  get open(): boolean {
    return this.#failures >= THRESHOLD && this.#now() < this.#openUntil;
  }

  /** Whether the last calls failed, tried or not. */
  get failing(): boolean {
    return this.#failures >= THRESHOLD;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
    if (this.#failures >= THRESHOLD) this.#openUntil = this.#now() + OPEN_MS;
  }
}
