/** A sum whose parts lose half of their weight every `halfLife` milliseconds: what happened lately counts most. */
export class DecayedSum {
  readonly #halfLife: number;
  #value = 0;
  #at = 0;

  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  add(amount: number, now: number): void {
    this.#value = this.at(now) + amount;
    this.#at = Math.max(now, this.#at);
  }

  at(now: number): number {
    if (this.#value === 0 || now <= this.#at) return this.#value;
    return this.#value * 2 ** ((this.#at - now) / this.#halfLife);
  }
}
