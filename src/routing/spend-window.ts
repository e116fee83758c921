/** A budget of a provider or a deployment: what was spent in the present window, beside what may be. */
export class SpendWindow {
  /** As explanations and refusals call it: `provider openai`, `deployment abc`. */
  readonly label: string;
  readonly kind: "provider" | "deployment";
  /** Nano-dollars. */
  limit: bigint;
  /** Milliseconds; undefined: one window for ever. */
  period: number | undefined;
  #start: number | undefined;
  #own = 0n;
  #others = 0n;

  constructor(kind: "provider" | "deployment", label: string, limit: bigint, period: number | undefined) {
    this.kind = kind;
    this.label = label;
    this.limit = limit;
    this.period = period;
  }

  /** Nano-dollars of this window, those of other processes included as far as they told. */
  spent(now: number): bigint {
    this.#turn(now);
    return this.#own + this.#others;
  }

  exceeded(now: number): boolean {
    return this.spent(now) >= this.limit;
  }

  /** Figures in dollars, for refusals. */
  describe(now: number): string {
    return `Exceeded budget for ${this.label}: ${Number(this.spent(now)) / 1e9} >= ${Number(this.limit) / 1e9}`;
  }

  /** The window begins with the first spend after the last one ended. */
  add(nano: bigint, now: number): void {
    this.#turn(now);
    this.#start ??= now;
    this.#own += nano;
  }

  /** Milliseconds since the epoch; undefined while nothing was spent. */
  get start(): number | undefined {
    return this.#start;
  }

  get own(): bigint {
    return this.#own;
  }

  /** Takes over what others know: the window's beginning and their spend in it. */
  others(start: number, nano: bigint, now: number): void {
    if (this.period !== undefined && now >= start + this.period) return;
    this.#turn(now);
    this.#start = this.#start === undefined ? start : Math.min(start, this.#start);
    this.#others = nano;
  }

  #turn(now: number): void {
    if (this.#start === undefined || this.period === undefined || now < this.#start + this.period) return;
    this.#start = undefined;
    this.#own = 0n;
    this.#others = 0n;
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
