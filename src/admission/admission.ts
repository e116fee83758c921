import { GatewayError } from "../errors/gateway-error.ts";
import type { Log } from "../events/log.ts";
import type { Counters } from "./counters.ts";
import type { Ask, Extension, Remainder, Scope, Verdict } from "./scope.ts";

const NO_ROOM: Extension = { granted: false, room: 0n };

/** A call that was admitted. It is settled once; further calls do nothing. */
export class Lease {
  readonly remainders: readonly Remainder[];
  readonly #id: string;
  readonly #scopes: readonly Scope[];
  #amount: bigint;
  readonly #counters: Counters;
  readonly #log: Log;
  #open = true;

  constructor(ask: Ask, remainders: readonly Remainder[], counters: Counters, log: Log) {
    this.remainders = remainders;
    this.#amount = ask.amount;
    this.#id = ask.id;
    this.#scopes = ask.scopes;
    this.#counters = counters;
    this.#log = log;
  }

  /** Nano-dollars held until it is settled. */
  get amount(): bigint {
    return this.#amount;
  }

  /** Whether a budget is among what it is held of. */
  get budgeted(): boolean {
    return this.#scopes.some(({ limits }) => limits.maxBudget !== undefined);
  }

  /** The smallest room that any budget had left when it was taken, in nano-dollars; undefined where none has one. */
  get room(): bigint | undefined {
    let least: bigint | undefined;
    for (const { room } of this.remainders)
      if (room !== undefined && (least === undefined || room < least)) least = room;
    return least;
  }

  /** Holds `more` nano-dollars where every scope has room for them. One that nobody can decide on is refused. */
  extend(more: bigint): Extension | Promise<Extension> {
    if (!this.#open) return NO_ROOM;
    const undecided = (error: unknown): Extension => {
      this.#log.warning("a lease could not be extended", { id: this.#id, reason: String(error) });
      return NO_ROOM;
    };
    const noted = (extension: Extension): Extension => {
      if (extension.granted) this.#amount += more;
      return extension;
    };
    try {
      const extension = this.#counters.extend(this.#id, this.#scopes, more);
      return extension instanceof Promise ? extension.then(noted, undecided) : noted(extension);
    } catch (error) {
      return undecided(error);
    }
  }

  /** What the call cost (nano-dollars) and consumed takes the place of what was held. */
  settle(cost: bigint, tokens: number): void {
    if (!this.#open) return;
    this.#open = false;
    const failed = (error: unknown): void =>
      this.#log.error("a lease could not be settled; it ends by itself", { id: this.#id, reason: String(error) });
    try {
      const settled = this.#counters.settle(this.#id, cost, tokens);
      if (settled instanceof Promise) settled.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

/** Decides whether calls may go out. */
export class Admission {
  readonly #counters: Counters;
  readonly #log: Log;

  constructor(counters: Counters, log: Log) {
    this.#counters = counters;
    this.#log = log;
  }

  /** The lease, or why there is none. Rejects with `service_unavailable` when nobody can tell. */
  take(
    ask: Ask,
  ): Lease | Extract<Verdict, { admitted: false }> | Promise<Lease | Extract<Verdict, { admitted: false }>> {
    const verdict = this.#counters.take(ask);
    if (!(verdict instanceof Promise)) return this.#leaseOf(ask, verdict);
    return verdict.then(
      (later) => this.#leaseOf(ask, later),
      (cause: unknown) => {
        if (cause instanceof GatewayError) throw cause;
        throw new GatewayError("service_unavailable", "Limits cannot be checked at the moment", { cause });
      },
    );
  }

  /** Nano-dollars that a scope has spent since the beginning, as calls are admitted by them; its offset is not in it. */
  spentBy(scope: Scope): Promise<bigint> {
    return this.#counters.spentBy(scope);
  }

  close(): Promise<void> {
    return this.#counters.close();
  }

  #leaseOf(ask: Ask, verdict: Verdict): Lease | Extract<Verdict, { admitted: false }> {
    return verdict.admitted ? new Lease(ask, verdict.remainders, this.#counters, this.#log) : verdict;
  }
}
