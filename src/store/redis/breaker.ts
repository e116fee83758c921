/**
 * Counts failures in a row, of whatever kind, and opens when there are `limit` of them. While it is open nothing goes
 * out but the probes of its owner, whose first success closes it.
 */
export class Breaker {
  readonly #limit: number;
  #failures = 0;
  #open = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** A late success of a call from before it opened does not close it. */
  succeeded(): void {
    if (!this.#open) this.#failures = 0;
  }

  /** True when this very failure opened it. */
  failed(): boolean {
    this.#failures++;
    if (this.#open || this.#failures < this.#limit) return false;
    this.#open = true;
    return true;
  }

  /** Opens at once, for what is known to be gone; true when it was closed before. */
  trip(): boolean {
    const opened = !this.#open;
    this.#open = true;
    return opened;
  }

  close(): void {
    this.#open = false;
    this.#failures = 0;
  }
}
