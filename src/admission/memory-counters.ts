import type { Counters, ReadSpend } from "./counters.ts";
import type { Ask, Extension, Scope, Verdict } from "./scope.ts";
import { extend, type Hold, newState, type ScopeState, settle, take } from "./scope-state.ts";

/** Scopes kept; beyond this, those that nobody has used for a while are forgotten and read again when they return. */
const MOST_SCOPES = 100_000;
const IDLE_MS = 120_000;

/** Monotonic milliseconds: a clock that is set changes nothing. */
const monotonic = (): number => performance.now();

interface Entry {
  readonly state: ScopeState;
  usedAt: number;
}

/** The counters of one process. */
export class MemoryCounters implements Counters {
  readonly #read: ReadSpend;
  readonly #now: () => number;
  readonly #scopes = new Map<string, Entry>();
  readonly #reading = new Map<string, Promise<void>>();
  readonly #holds = new Map<string, Hold>();

  constructor(read: ReadSpend, now: () => number = monotonic) {
    this.#read = read;
    this.#now = now;
  }

  /** Leases that are open. */
  get open(): number {
    return this.#holds.size;
  }

  take(ask: Ask): Verdict | Promise<Verdict> {
    const states = this.#states(ask.scopes);
    if (states === undefined) return this.#takeAfterReading(ask);
    const now = this.#now();
    const verdict = take(ask, states, now);
    if (verdict.admitted) {
      this.#holds.set(ask.id, {
        scopes: ask.scopes.map(({ id }) => id),
        amount: ask.amount,
        tokens: ask.tokens,
        takenAt: now,
      });
    }
    return verdict;
  }

  extend(id: string, scopes: readonly Scope[], more: bigint): Extension {
    const hold = this.#holds.get(id);
    const states = hold === undefined ? undefined : this.#states(scopes);
    if (hold === undefined || states === undefined) return { granted: false, room: 0n };
    const extension = extend(scopes, states, more);
    if (extension.granted) this.#holds.set(id, { ...hold, amount: hold.amount + more });
    return extension;
  }

  settle(id: string, cost: bigint, tokens: number): void {
    const hold = this.#holds.get(id);
    if (hold === undefined) return;
    this.#holds.delete(id);
    const now = this.#now();
    settle(
      hold,
      hold.scopes.map((scope) => this.#use(scope, now)),
      cost,
      tokens,
    );
  }

  async spentBy(scope: Scope): Promise<bigint> {
    return this.#scopes.get(scope.id)?.state.total ?? (await this.#read(scope.source));
  }

  async close(): Promise<void> {
    this.#scopes.clear();
    this.#holds.clear();
  }

  async #takeAfterReading(ask: Ask): Promise<Verdict> {
    await Promise.all(ask.scopes.filter(({ id }) => !this.#scopes.has(id)).map((scope) => this.#load(scope)));
    return this.take(ask);
  }

  #load(scope: Scope): Promise<void> {
    let reading = this.#reading.get(scope.id);
    if (reading === undefined) {
      reading = this.#read(scope.source)
        .then((total) => {
          this.#forgetIdle();
          this.#scopes.set(scope.id, { state: newState(total), usedAt: this.#now() });
        })
        .finally(() => this.#reading.delete(scope.id));
      this.#reading.set(scope.id, reading);
    }
    return reading;
  }

  #states(scopes: readonly Scope[]): ScopeState[] | undefined {
    const states: ScopeState[] = [];
    for (const { id } of scopes) {
      const entry = this.#scopes.get(id);
      if (entry === undefined) return undefined;
      states.push(entry.state);
    }
    return states;
  }

  /** A scope with a hold is never forgotten. */
  #use(id: string, now: number): ScopeState {
    const entry = this.#scopes.get(id) as Entry;
    entry.usedAt = now;
    return entry.state;
  }

  #forgetIdle(): void {
    if (this.#scopes.size < MOST_SCOPES) return;
    const before = this.#now() - IDLE_MS;
    for (const [id, { state, usedAt }] of this.#scopes) {
      if (usedAt < before && state.running === 0 && state.held === 0n) this.#scopes.delete(id);
    }
  }
}
