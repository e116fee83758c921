interface Entry {
  readonly deployment: string;
  readonly until: number;
  /** The end that others were told of; 0: they are to be told. */
  told: number;
}

/** A name that is bound to a deployment, as processes tell each other. */
export interface Binding {
  readonly key: string;
  readonly deployment: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
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
    this.#put(key, { deployment, until: now + ttl, told: 0 });
  }

  /**
   * Remembers what others shall know, too, and says whether they are to be told: of something new, and of what they know
   * when half of its time is over.
   */
  bind(key: string, deployment: string, now: number, ttl: number): boolean {
    const before = this.#entries.get(key);
    const until = now + ttl;
    const fresh = before !== undefined && before.deployment === deployment && before.told - now > ttl / 2;
    this.#put(key, { deployment, until, told: fresh ? before.told : until });
    return !fresh;
  }

  /**
   * Another process's binding. Of two the one that ends later holds, so that all agree whatever they hear first; who keeps
   * its own against another's tells of it with its next use.
   */
  hear({ key, deployment, until }: Binding, now: number): void {
    if (until <= now) return;
    const before = this.#entries.get(key);
    if (before === undefined || before.until < until || (before.until === until && before.deployment < deployment)) {
      this.#put(key, { deployment, until, told: until });
    } else if (before.deployment !== deployment) {
      before.told = 0;
    }
  }

  #put(key: string, entry: Entry): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#most) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, entry);
  }
}
