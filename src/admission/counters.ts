import type { Ask, Extension, Scope, SpendSource, Verdict } from "./scope.ts";

/** What the ledger says that a scope has spent since the beginning (or since the source's own moment). */
export type ReadSpend = (source: SpendSource) => Promise<bigint>;

/**
 * Where the use of scopes is counted. The same algorithm (`scope-state.ts`) in each; they differ in who shares them: one
 * process, the processes of one machine, or many machines.
 */
export interface Counters {
  /** Takes a lease over all scopes of the call, or none. */
  take(ask: Ask): Verdict | Promise<Verdict>;
  /** Lets an open lease hold `more` nano-dollars over the scopes that it was taken over, or nothing more. */
  extend(id: string, scopes: readonly Scope[], more: bigint): Extension | Promise<Extension>;
  /** Ends a lease by its id; does nothing when there is none. */
  settle(id: string, cost: bigint, tokens: number): void | Promise<void>;
  /** Nano-dollars that a scope has spent, without its offset. */
  spentBy(scope: Scope): Promise<bigint>;
  close(): Promise<void>;
}
