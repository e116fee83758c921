import { Database, type Statement } from "bun:sqlite";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Counters, ReadSpend } from "./counters.ts";
import type { Ask, Extension, Scope, Verdict } from "./scope.ts";
import { extend, type Hold, type ScopeState, settle, take } from "./scope-state.ts";

/** A lease whose owner does not renew it for so long is the lease of a dead process. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
/** Longest wait for another process's transaction, which takes microseconds. */
const BUSY_MS = 2_000;

/** The machine's monotonic clock, which all its processes share. */
const monotonic = (): number => Number(process.hrtime.bigint() / 1_000_000n);

interface ScopeRow {
  total: bigint;
  held: bigint;
  window_start: bigint;
  requests: bigint;
  tokens: bigint;
  running: bigint;
}

interface LeaseRow {
  id: string;
  scopes: string;
  amount: bigint;
  tokens: bigint;
  taken_at: bigint;
}

/**
 * The counters of all processes of one machine, in a file beside the journal. The file is no record: whoever starts
 * first begins it anew from the ledger. A lease whose owner died counts as spent in full, like the row that the
 * ledger's recovery writes for it.
 */
export class SqliteCounters implements Counters {
  readonly #read: ReadSpend;
  readonly #now: () => number;
  readonly #database: Database;
  readonly #open = new Set<string>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #select: Statement<ScopeRow, [string]>;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #addLease: Statement;
  readonly #takeLease: Statement<LeaseRow, [string]>;
  readonly #expired: Statement<LeaseRow, [number]>;
  readonly #renew: Statement;
  readonly #grow: Statement;

  constructor(path: string, read: ReadSpend, now: () => number = monotonic) {
    this.#read = read;
    this.#now = now;
    this.#database = new Database(path, { create: true, strict: true, safeIntegers: true });
    this.#database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    this.#database.run("PRAGMA journal_mode = WAL");
    // It can be made again from the ledger, so it need not survive the machine.
    this.#database.run("PRAGMA synchronous = OFF");
    this.#database.run(`CREATE TABLE IF NOT EXISTS scope (
      id TEXT PRIMARY KEY, total INTEGER NOT NULL, held INTEGER NOT NULL, window_start INTEGER NOT NULL,
      requests INTEGER NOT NULL, tokens INTEGER NOT NULL, running INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`);
    this.#database.run(`CREATE TABLE IF NOT EXISTS lease (
      id TEXT PRIMARY KEY, scopes TEXT NOT NULL, amount INTEGER NOT NULL, tokens INTEGER NOT NULL,
      taken_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`);
    this.#database.run("CREATE INDEX IF NOT EXISTS lease_expiry ON lease (expires_at)");
    this.#select = this.#database.prepare(
      "SELECT total, held, window_start, requests, tokens, running FROM scope WHERE id = ?",
    );
    this.#insert = this.#database.prepare(
      "INSERT INTO scope VALUES (?, ?, 0, -100000000, 0, 0, 0) ON CONFLICT DO NOTHING",
    );
    this.#update = this.#database.prepare(
      "UPDATE scope SET total = ?, held = ?, window_start = ?, requests = ?, tokens = ?, running = ? WHERE id = ?",
    );
    this.#addLease = this.#database.prepare("INSERT INTO lease VALUES (?, ?, ?, ?, ?, ?)");
    this.#takeLease = this.#database.prepare(
      "DELETE FROM lease WHERE id = ? RETURNING id, scopes, amount, tokens, taken_at",
    );
    this.#expired = this.#database.prepare(
      "DELETE FROM lease WHERE expires_at < ? RETURNING id, scopes, amount, tokens, taken_at",
    );
    this.#renew = this.#database.prepare("UPDATE lease SET expires_at = ? WHERE id = ?");
    this.#grow = this.#database.prepare("UPDATE lease SET amount = amount + ? WHERE id = ?");
    this.#timer = setInterval(() => this.sweep(), RENEW_MS);
    this.#timer.unref();
  }

  take(ask: Ask): Verdict | Promise<Verdict> {
    return this.#taken(ask) ?? this.#takeAfterReading(ask);
  }

  extend(id: string, scopes: readonly Scope[], more: bigint): Extension {
    return this.#transaction(() => {
      const states = this.#statesOf(scopes);
      if (states === undefined) return { granted: false, room: 0n };
      const extension = extend(scopes, states, more);
      if (!extension.granted) return extension;
      // A lease that has ended holds nothing that could grow.
      if (this.#grow.run(more, id).changes === 0) return { granted: false, room: 0n };
      for (const [index, scope] of scopes.entries()) this.#write(scope.id, states[index] as ScopeState);
      return extension;
    });
  }

  settle(id: string, cost: bigint, tokens: number): void {
    this.#open.delete(id);
    this.#transaction(() => {
      const row = this.#takeLease.get(id);
      if (row !== null) this.#end(row, cost, tokens);
    });
  }

  async spentBy(scope: Scope): Promise<bigint> {
    return this.#select.get(scope.id)?.total ?? (await this.#read(scope.source));
  }

  /** Renews this process's leases and ends those of processes that died. */
  sweep(): void {
    this.#transaction(() => {
      const now = this.#now();
      for (const id of this.#open) this.#renew.run(now + LEASE_MS, id);
      for (const row of this.#expired.all(now)) this.#end(row, row.amount, Number(row.tokens));
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#database.close();
  }

  async #takeAfterReading(ask: Ask): Promise<Verdict> {
    for (const scope of ask.scopes) {
      if (this.#select.get(scope.id) === null) this.#insert.run(scope.id, await this.#read(scope.source));
    }
    const verdict = this.#taken(ask);
    if (verdict === undefined) throw new Error("a scope that was just made is gone");
    return verdict;
  }

  #taken(ask: Ask): Verdict | undefined {
    return this.#transaction(() => {
      const states = this.#statesOf(ask.scopes);
      if (states === undefined) return undefined;
      const now = this.#now();
      const verdict = take(ask, states, now);
      if (!verdict.admitted) return verdict;
      const ids = ask.scopes.map(({ id }) => id);
      for (const [index, id] of ids.entries()) this.#write(id, states[index] as ScopeState);
      this.#addLease.run(ask.id, JSON.stringify(ids), ask.amount, ask.tokens, now, now + LEASE_MS);
      this.#open.add(ask.id);
      return verdict;
    });
  }

  #statesOf(scopes: readonly Scope[]): ScopeState[] | undefined {
    const states: ScopeState[] = [];
    for (const { id } of scopes) {
      const row = this.#select.get(id);
      if (row === null) return undefined;
      states.push(stateOf(row));
    }
    return states;
  }

  #end(row: LeaseRow, cost: bigint, tokens: number): void {
    const ids = JSON.parse(row.scopes) as string[];
    const hold: Hold = { scopes: ids, amount: row.amount, tokens: Number(row.tokens), takenAt: Number(row.taken_at) };
    for (const id of ids) {
      const found = this.#select.get(id);
      if (found === null) continue;
      const state = stateOf(found);
      settle(hold, [state], cost, tokens);
      this.#write(id, state);
    }
  }

  #write(id: string, { total, held, windowStart, requests, tokens, running }: ScopeState): void {
    this.#update.run(total, held, windowStart, requests, tokens, running, id);
  }

  #transaction<T>(work: () => T): T {
    this.#database.run("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.run("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
      throw error;
    }
  }
}

/** The file that the processes of one machine count in. */
export function countersFile(dataDir: string): string {
  return join(dataDir, "admission.db");
}

/** Removes the counters of an earlier start; called once, before any process of this start opens them. */
export function forgetCounters(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

function stateOf(row: ScopeRow): ScopeState {
  return {
    total: row.total,
    held: row.held,
    windowStart: Number(row.window_start),
    requests: Number(row.requests),
    tokens: Number(row.tokens),
    running: Number(row.running),
  };
}
