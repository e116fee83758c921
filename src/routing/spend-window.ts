/**
 * A budget of a provider or a deployment: what was spent in the present window, beside what may be. Windows begin at
 * multiples of their length since the epoch (a day: at midnight UTC), so that all processes mean the same one.
 */
export class SpendWindow {
  /** As explanations and refusals call it: `provider openai`, `deployment abc`. */
  readonly label: string;
  readonly kind: "provider" | "deployment";
  /** The provider's name or the deployment's id. */
  readonly entity: string;
  /** Nano-dollars. */
  limit: bigint;
  /** Milliseconds; undefined: one window for ever. */
  period: number | undefined;
  #begin = 0;
  #spent = 0n;

  constructor(
    kind: "provider" | "deployment",
    entity: string,
    label: string,
    limit: bigint,
    period: number | undefined,
  ) {
    this.kind = kind;
    this.entity = entity;
    this.label = label;
    this.limit = limit;
    this.period = period;
  }

  /** When the present window began, in milliseconds since the epoch; 0 where there is only one. */
  begin(now: number): number {
    return this.period === undefined ? 0 : Math.floor(now / this.period) * this.period;
  }

  /** Nano-dollars of this window, those of other processes included as far as they are known here. */
  spent(now: number): bigint {
    this.#turn(now);
    return this.#spent;
  }

  exceeded(now: number): boolean {
    return this.spent(now) >= this.limit;
  }

  /** Figures in dollars, for refusals. */
  describe(now: number): string {
    return `Exceeded budget for ${this.label}: ${Number(this.spent(now)) / 1e9} >= ${Number(this.limit) / 1e9}`;
  }

  add(nano: bigint, now: number): void {
    this.#turn(now);
    this.#spent += nano;
  }

  /** Takes over what all processes together are known to have spent in the window. */
  learn(nano: bigint, now: number): void {
    this.#turn(now);
    if (nano > this.#spent) this.#spent = nano;
  }

  #turn(now: number): void {
    const begin = this.begin(now);
    if (begin === this.#begin) return;
    this.#begin = begin;
    this.#spent = 0n;
  }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  mo: 2_592_000_000,
};

/** Milliseconds of LiteLLM's durations (`30s`, `30m`, `1h`, `1d`, `1w`, `1mo`: 30 days); undefined for anything else. */
export function durationMs(text: string): number | undefined {
  const found = /^(\d+)(s|mo|m|h|d|w)$/.exec(text.trim());
  const unit = found === null ? undefined : UNIT_MS[found[2] as string];
  return found === null || unit === undefined ? undefined : Number(found[1]) * unit;
}

/** Whole nano-dollars of a figure in dollars. */
export function nanoDollars(dollars: number): bigint {
  return BigInt(Math.round(dollars * 1e9));
}
