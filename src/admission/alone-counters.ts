import type { ReadSpend } from "./counters.ts";
import { MemoryCounters } from "./memory-counters.ts";
import type { Ask, Extension, Limits, Scope, Verdict } from "./scope.ts";

export interface AloneOptions {
  readonly read: ReadSpend;
  /** Nano-dollars spent and held of a scope when Redis last told; undefined where it never did. */
  readonly lastUsed: (id: string) => bigint | undefined;
  /** How many processes counted together when Redis last told. */
  readonly instances: number;
}

/**
 * Counts of one process that cannot ask Redis. What was left of a limit when Redis last told is divided by the number
 * of processes: each spends its own share at most, so that together they stay within the limit.
 */
export class AloneCounters {
  /** From zero on: what others spent before is in each scope's offset. */
  readonly #counters = new MemoryCounters(async () => 0n);
  readonly #read: ReadSpend;
  readonly #instances: number;
  readonly #lastUsed: AloneOptions["lastUsed"];
  /** Nano-dollars used when this process began to count a scope alone. */
  readonly #begun = new Map<string, bigint>();
  readonly #scopes = new Map<string, readonly Scope[]>();

  constructor({ read, lastUsed, instances }: AloneOptions) {
    this.#read = read;
    this.#instances = Math.max(instances, 1);
    this.#lastUsed = lastUsed;
  }

  /** Calls that were admitted and are not settled. */
  get open(): number {
    return this.#scopes.size;
  }

  ids(): Iterable<string> {
    return this.#scopes.keys();
  }

  async take(ask: Ask): Promise<Verdict> {
    const begun = await Promise.all(ask.scopes.map((scope) => this.#begin(scope)));
    const scopes = ask.scopes.map((scope, index) => this.#share(scope, begun[index] as bigint));
    const verdict = await this.#counters.take({ ...ask, scopes });
    if (!verdict.admitted) {
      const at = scopes.indexOf(verdict.refusal.scope);
      return { admitted: false, refusal: { ...verdict.refusal, scope: ask.scopes[at] as Scope } };
    }
    this.#scopes.set(ask.id, ask.scopes);
    const remainders = verdict.remainders.map((left, index) => ({ ...left, scope: ask.scopes[index] as Scope }));
    return { admitted: true, remainders };
  }

  /**
   * Lets a call hold more. One that was admitted before this process counted alone begins here with what it needs more:
   * its limits per minute were asked for already.
   */
  async extend(id: string, scopes: readonly Scope[], more: bigint): Promise<Extension> {
    const begun = await Promise.all(scopes.map((scope) => this.#begin(scope)));
    const shares = scopes.map((scope, index) => this.#share(scope, begun[index] as bigint));
    if (this.#scopes.has(id)) return this.#counters.extend(id, shares, more);
    const budgets = shares.map((scope) => ({ ...scope, limits: budgetOf(scope.limits) }));
    const verdict = await this.#counters.take({ id, scopes: budgets, amount: more, free: false, tokens: 0 });
    if (!verdict.admitted) return { granted: false, room: verdict.refusal.room > 0n ? verdict.refusal.room : 0n };
    this.#scopes.set(id, scopes);
    return { granted: true };
  }

  /** The scopes of the call that ended; undefined when it was not admitted here. */
  settle(id: string, cost: bigint, tokens: number): readonly Scope[] | undefined {
    const scopes = this.#scopes.get(id);
    if (scopes === undefined) return undefined;
    this.#scopes.delete(id);
    this.#counters.settle(id, cost, tokens);
    return scopes;
  }

  /** What Redis counted and the ledger does not show yet is used as well. */
  async #begin(scope: Scope): Promise<bigint> {
    const known = this.#begun.get(scope.id);
    if (known !== undefined) return known;
    const lastUsed = this.#lastUsed(scope.id);
    const total = await this.#read(scope.source).catch((error: unknown) => {
      if (lastUsed === undefined) throw error;
      return lastUsed;
    });
    const begun = this.#begun.get(scope.id) ?? (lastUsed !== undefined && lastUsed > total ? lastUsed : total);
    this.#begun.set(scope.id, begun);
    return begun;
  }

  #share(scope: Scope, begun: bigint): Scope {
    const { maxBudget, rpm, tpm, parallel } = scope.limits;
    const offset = begun + scope.offset;
    const left = maxBudget === undefined || maxBudget < offset ? 0n : maxBudget - offset;
    const limits: Limits = {
      ...(maxBudget === undefined ? {} : { maxBudget: offset + left / BigInt(this.#instances) }),
      ...(rpm === undefined ? {} : { rpm: this.#shareOf(rpm) }),
      ...(tpm === undefined ? {} : { tpm: this.#shareOf(tpm) }),
      ...(parallel === undefined ? {} : { parallel: this.#shareOf(parallel) }),
    };
    return { ...scope, offset, limits };
  }

  /** A limit that allows something allows each process at least one. */
  #shareOf(limit: number): number {
    return limit <= 0 ? limit : Math.max(Math.floor(limit / this.#instances), 1);
  }
}

function budgetOf({ maxBudget }: Limits): Limits {
  return maxBudget === undefined ? {} : { maxBudget };
}
