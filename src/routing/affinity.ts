interface Entry {
  readonly deployment: string;
  until: number;
}

/** Entries beyond this make the oldest go. */
const MOST_ENTRIES = 50_000;

/** Which deployment served a session, a caller, a prompt's beginning or a stored response last. Bounded; oldest go first. */
export class AffinityMap {
  readonly #entries = new Map<string, Entry>();
  readonly #most: number;

  constructor(most = MOST_ENTRIES) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  find(key: string, now: number): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (now < entry.until) return entry.deployment;
    this.#entries.delete(key);
    return undefined;
  }

  /** `ttl` in milliseconds. */
  remember(key: string, deployment: string, now: number, ttl: number): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#most) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { deployment, until: now + ttl });
  }
}
