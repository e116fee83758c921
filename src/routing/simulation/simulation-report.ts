/** Figures of one model, deployment or key. Money in nano-dollars, times in seconds. */
export class Tally {
  requests = 0;
  succeeded = 0;
  /** Requests (or, of a deployment, attempts) that failed, by their error code. */
  readonly errors = new Map<string, number>();
  attempts = 0;
  fallbacks = 0;
  /** Requests that a budget refused. */
  budgetStops = 0;
  cost = 0n;
  promptTokens = 0;
  completionTokens = 0;
  readonly #seconds: number[] = [];
  #sorted = true;

  failed(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  get failures(): number {
    let sum = 0;
    for (const count of this.errors.values()) sum += count;
    return sum;
  }

  measured(seconds: number): void {
    this.#seconds.push(seconds);
    this.#sorted = false;
  }

  /** Seconds to the first content below which a share (0 to 1) of the answers lay; undefined without any. */
  percentile(share: number): number | undefined {
    if (!this.#sorted) {
      this.#seconds.sort((a, b) => a - b);
      this.#sorted = true;
    }
    return this.#seconds[Math.min(this.#seconds.length - 1, Math.floor(share * this.#seconds.length))];
  }
}

export interface SimulationReport {
  readonly total: Tally;
  readonly models: ReadonlyMap<string, Tally>;
  readonly deployments: ReadonlyMap<string, Tally>;
  readonly keys: ReadonlyMap<string, Tally>;
  /** Cooldowns that were begun. */
  readonly cooldowns: number;
  /** Most attempts of one request. */
  readonly mostAttempts: number;
  /** Requests for models that nobody serves. */
  readonly unknownModels: number;
}

export function tallyOf(map: Map<string, Tally>, name: string): Tally {
  let tally = map.get(name);
  if (tally === undefined) {
    tally = new Tally();
    map.set(name, tally);
  }
  return tally;
}
