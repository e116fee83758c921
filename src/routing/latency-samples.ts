interface Sample {
  readonly at: number;
  readonly seconds: number;
}

/** The last measurements of a deployment; the oldest makes room for the newest. */
export class LatencySamples {
  readonly #samples: Sample[] = [];
  #next = 0;

  add(seconds: number, now: number, most: number): void {
    const sample = { at: now, seconds };
    if (this.#samples.length < most) {
      this.#samples.push(sample);
      return;
    }
    // A smaller bound after a reload: what is beyond it goes.
    if (this.#samples.length > most) this.#samples.length = most;
    this.#next %= most;
    this.#samples[this.#next] = sample;
    this.#next = (this.#next + 1) % most;
  }

  /** Mean of the samples that are younger than `ttl` milliseconds; undefined when there is none. */
  mean(now: number, ttl: number): number | undefined {
    let sum = 0;
    let count = 0;
    for (const { at, seconds } of this.#samples) {
      if (now - at > ttl) continue;
      sum += seconds;
      count++;
    }
    return count === 0 ? undefined : sum / count;
  }
}
