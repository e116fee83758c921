import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../errors/gateway-error.ts";
import { Log } from "../events/log.ts";
import type { Database } from "../store/database.ts";
import { BatchWriter } from "./batch-writer.ts";
import { Journal, type JournalFile, type JournalSync } from "./journal.ts";
import { JournalOwner } from "./journal-owner.ts";
import { PostgresSpendSink } from "./postgres/postgres-spend-sink.ts";
import type { LeaseRecord, SpendRecord } from "./record.ts";
import { type RecoverySummary, recoverJournals } from "./recovery.ts";
import type { RefusedRecord, SpendSink } from "./spend-sink.ts";
import { SqliteSpendSink } from "./sqlite/sqlite-spend-sink.ts";

/** Settled ids that are remembered to tell a second settlement from one without a lease: two sets of this size. */
const REMEMBERED_IDS = 8_192;

/** Pause between attempts to journal what a full disk did not take. */
const JOURNAL_RETRY_MS = 250;

export interface LedgerOptions {
  /** The journal lives in `<dataDir>/journal/`. */
  readonly dataDir: string;
  /** Migrated. */
  readonly database: Database;
  /** Default `group`. */
  readonly fsync?: JournalSync;
  /** Default: warnings and errors to standard error. */
  readonly log?: Log;
  /** Size at which a new journal file is begun, in bytes. Default 16 MiB. */
  readonly rotateBytes?: number;
  /** Records kept in memory while the database is away; the journal keeps the others. Default 10,000. */
  readonly queueLimit?: number;
}

export interface LedgerStats {
  readonly inFlight: number;
  /** Settled, not yet in the database. */
  readonly pending: number;
  /** Those of the pending that are in the journal only and will be read back. */
  readonly spilled: number;
  /** Settled, but the journal could not take them yet: they are in memory only. */
  readonly unjournaled: number;
  readonly journalFiles: number;
  readonly journalBytes: number;
  /** Settlements that came a second time, since the start. */
  readonly duplicates: number;
  /** Records that the database refused for good, since the start: they are in `journal/refused.jsonl`. */
  readonly refused: number;
  /** What the start found in the journals of processes that died. */
  readonly recovered: RecoverySummary;
}

/** The record of every request: in the journal before its call goes out, in the database soon after it ended. */
export interface Ledger {
  /**
   * Journals a lease; when it returns, the line is with the kernel. Throws GatewayError("service_unavailable") when
   * it cannot be written: then nothing of it remains and no call may go out.
   */
  open(lease: LeaseRecord): void;
  /**
   * Journals that a call may cost more than its lease said, so that recovery counts the larger amount. `amount` is the new
   * total. A journal that cannot be written is only logged: calls in flight are not touched by it.
   */
  extend(id: string, amount: string): void;
  /**
   * Journals how a request ended and passes the record on to the database. Never throws for want of space: the record
   * is kept in memory and tried again. A second settlement of an id is logged and not written. A request may be
   * settled without a lease when it was refused before any call.
   */
  settle(record: SpendRecord): void;
  /** Whether a request that ended not long ago has its record. */
  settled(id: string): boolean;
  /** Leases without settlement. */
  readonly inFlight: number;
  /** The database could not be written at the last attempt; what is settled waits in the journal. */
  readonly behind: boolean;
  /** Waits until everything settled so far is in the database and its rollups. Rejects when it cannot be written. */
  flush(): Promise<void>;
  /** Flushes and closes. What could not be written, or is still in flight, stays in the journal for the next start. */
  close(): Promise<void>;
  stats(): LedgerStats;
}

/**
 * Opens the ledger of this process and first recovers the journals of those that died: their settlements become rows,
 * and leases without settlement become rows of status `interrupted`. Several processes may share one data directory.
 *
 * @example
 * const ledger = await openLedger({ dataDir: "/data", database });
 * ledger.open(lease);
 * ledger.settle(record);
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const log = options.log ?? new Log({ level: "warning", write: (text) => process.stderr.write(text) });
  const directory = join(options.dataDir, "journal");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const sink = openSink(options.database);
  try {
    const { owner, recovered } = await JournalOwner.enter(directory, () => recoverJournals({ directory, sink, log }));
    return new JournaledLedger(options, directory, sink, log, owner, recovered);
  } catch (error) {
    await sink.close();
    throw error;
  }
}

function openSink(database: Database): SpendSink {
  return database.dialect === "sqlite" ? new SqliteSpendSink(database.path) : new PostgresSpendSink(database.settings);
}

interface OpenLease {
  lease: LeaseRecord;
  file: JournalFile;
}

interface Unjournaled {
  readonly record: SpendRecord;
  /** Keeps the file with the lease until the settlement is safe elsewhere. */
  readonly leaseFile: JournalFile | undefined;
  /** Where the settlement stands after all. */
  file: JournalFile | undefined;
}

class JournaledLedger implements Ledger {
  readonly #directory: string;
  readonly #sink: SpendSink;
  readonly #log: Log;
  readonly #owner: JournalOwner;
  readonly #recovered: RecoverySummary;
  readonly #journal: Journal;
  readonly #writer: BatchWriter;
  readonly #leases = new Map<string, OpenLease>();
  /** Settlements that the journal did not take when they came, until the database has them. */
  readonly #late = new Map<string, Unjournaled>();
  #unjournaled = 0;
  #settledIds = new Set<string>();
  #olderSettledIds = new Set<string>();
  #duplicates = 0;
  #refused = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retiring: Promise<void> | undefined;
  #closed = false;

  constructor(
    options: LedgerOptions,
    directory: string,
    sink: SpendSink,
    log: Log,
    owner: JournalOwner,
    recovered: RecoverySummary,
  ) {
    this.#directory = directory;
    this.#sink = sink;
    this.#log = log;
    this.#owner = owner;
    this.#recovered = recovered;
    this.#journal = new Journal({
      directory,
      owner: owner.name,
      sync: options.fsync ?? "group",
      ...(options.rotateBytes === undefined ? {} : { rotateBytes: options.rotateBytes }),
      onSyncError: (error) => log.error("the journal could not be synced to the disk", { reason: String(error) }),
    });
    this.#writer = new BatchWriter({
      sink,
      log,
      onSaved: (record, file) => this.#saved(record, file),
      onRefused: (refused) => this.#keepRefused(refused),
      onIdle: () => this.#startRetiring(),
      ...(options.queueLimit === undefined ? {} : { queueLimit: options.queueLimit }),
    });
    this.#writer.scheduleRollup();
  }

  get inFlight(): number {
    return this.#leases.size;
  }

  get behind(): boolean {
    return this.#writer.failing;
  }

  open(lease: LeaseRecord): void {
    if (this.#closed) throw new GatewayError("service_unavailable", "The gateway is shutting down");
    if (this.#leases.has(lease.id)) throw new GatewayError("internal", `Request ${lease.id} has a lease already`);
    let file: JournalFile;
    try {
      if (this.#unjournaled > 0) this.#journalLate();
      file = this.#journal.append("lease", lease);
    } catch (error) {
      throw new GatewayError("service_unavailable", "The gateway cannot record spend at the moment", { cause: error });
    }
    file.openLeases++;
    this.#leases.set(lease.id, { lease, file });
  }

  extend(id: string, amount: string): void {
    const open = this.#leases.get(id);
    if (open === undefined) return;
    open.lease = { ...open.lease, amount };
    try {
      const file = this.#journal.append("lease", open.lease);
      open.file.openLeases--;
      file.openLeases++;
      open.file = file;
    } catch (error) {
      this.#log.error("a lease that grew could not be journaled", { id, reason: String(error) });
    }
  }

  settle(record: SpendRecord): void {
    const open = this.#leases.get(record.id);
    if (open === undefined && this.settled(record.id)) {
      this.#duplicates++;
      this.#log.error("a request was settled twice; the first record stays", { id: record.id });
      return;
    }
    if (this.#closed) {
      this.#log.error("a request was settled after the ledger had closed", { id: record.id });
      return;
    }
    this.#leases.delete(record.id);
    this.#remember(record.id);
    let file: JournalFile;
    try {
      if (this.#unjournaled > 0) this.#journalLate();
      file = this.#journal.append("settlement", record);
    } catch (error) {
      this.#keepLate(record, open?.file, error);
      return;
    }
    file.unsaved++;
    if (open !== undefined) open.file.openLeases--;
    if (this.#writer.full) this.#writer.spill(file, file.size - this.#journal.lastLineBytes, file.size);
    else this.#writer.add(record, file);
  }

  settled(id: string): boolean {
    return this.#settledIds.has(id) || this.#olderSettledIds.has(id);
  }

  async flush(): Promise<void> {
    await this.#writer.flush();
    this.#startRetiring();
    await this.#retiring;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    try {
      await this.flush();
    } catch (error) {
      this.#log.error("the ledger closes with records that only the journal has; the next start writes them", {
        reason: String(error),
        pending: this.#writer.pending,
      });
    }
    await this.#writer.close();
    await this.#retiring;
    if (this.#unjournaled > 0) this.#log.error("settlements are lost", { count: this.#unjournaled });
    const kept = await this.#closeJournal();
    await this.#sink.close();
    this.#owner.leave(kept === 0);
  }

  stats(): LedgerStats {
    let journalBytes = 0;
    for (const file of this.#journal.files) journalBytes += file.size;
    return {
      inFlight: this.#leases.size,
      pending: this.#writer.pending,
      spilled: this.#writer.spilled,
      unjournaled: this.#unjournaled,
      journalFiles: this.#journal.files.length,
      journalBytes,
      duplicates: this.#duplicates,
      refused: this.#refused,
      recovered: this.#recovered,
    };
  }

  #remember(id: string): void {
    this.#settledIds.add(id);
    if (this.#settledIds.size < REMEMBERED_IDS) return;
    this.#olderSettledIds = this.#settledIds;
    this.#settledIds = new Set();
  }

  #keepLate(record: SpendRecord, leaseFile: JournalFile | undefined, error: unknown): void {
    if (this.#unjournaled === 0) {
      this.#log.error("the journal cannot be written; no new calls are admitted", { reason: String(error) });
    }
    this.#unjournaled++;
    this.#late.set(record.id, { record, leaseFile, file: undefined });
    this.#writer.add(record, undefined);
    this.#retryTimer ??= setTimeout(() => this.#retryLate(), JOURNAL_RETRY_MS);
  }

  #retryLate(): void {
    this.#retryTimer = undefined;
    if (this.#unjournaled === 0) return;
    try {
      this.#journalLate();
    } catch {
      // Said when it began; `stats` shows how many wait.
      this.#retryTimer = setTimeout(() => this.#retryLate(), JOURNAL_RETRY_MS);
    }
  }

  /** Journals what the journal did not take before. Throws when it still does not. */
  #journalLate(): void {
    for (const late of this.#late.values()) {
      if (late.file !== undefined) continue;
      late.file = this.#journal.append("settlement", late.record);
      this.#writer.endRegion();
      late.file.unsaved++;
      if (late.leaseFile !== undefined) late.leaseFile.openLeases--;
      this.#unjournaled--;
    }
    this.#log.info("the journal can be written again");
  }

  #saved(record: SpendRecord, file: JournalFile | undefined): void {
    if (file !== undefined) {
      file.unsaved--;
      return;
    }
    const late = this.#late.get(record.id);
    if (late === undefined) return;
    this.#late.delete(record.id);
    if (late.file !== undefined) {
      late.file.unsaved--;
      return;
    }
    this.#unjournaled--;
    if (late.leaseFile !== undefined) late.leaseFile.openLeases--;
  }

  #keepRefused({ record, error }: RefusedRecord): void {
    this.#refused++;
    const line = JSON.stringify({ reason: String(error), record });
    appendFileSync(join(this.#directory, "refused.jsonl"), `${line}\n`, { mode: 0o600 });
  }

  #startRetiring(): void {
    this.#retiring ??= this.#retire()
      .catch((error: unknown) => {
        this.#log.warning("journal files could not be deleted yet", { reason: String(error) });
      })
      .finally(() => {
        this.#retiring = undefined;
      });
  }

  /** Deletes the files that the database has made superfluous; leases that are still open move to the current file. */
  async #retire(): Promise<void> {
    const files = this.#journal.files.filter((file) => file.unsaved === 0 && file !== this.#journal.current);
    if (files.length === 0) return;
    for (const open of this.#leases.values()) {
      if (!files.includes(open.file)) continue;
      const file = this.#journal.append("lease", open.lease);
      open.file.openLeases--;
      file.openLeases++;
      open.file = file;
    }
    await this.#journal.sync();
    await this.#sink.sync();
    for (const file of files) if (file.openLeases === 0) this.#journal.remove(file);
  }

  /** Returns how many files the next start has to read. */
  async #closeJournal(): Promise<number> {
    const idle = this.#journal.files.filter((file) => file.unsaved === 0 && file.openLeases === 0);
    if (idle.length > 0) await this.#sink.sync();
    for (const file of idle) this.#journal.remove(file);
    const kept = this.#journal.files.length;
    await this.#journal.close();
    return kept;
  }
}
