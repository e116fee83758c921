import type { Log } from "../events/log.ts";
import type { JournalFile } from "./journal.ts";
import { readJournal } from "./journal-reader.ts";
import type { SpendRecord } from "./record.ts";
import type { RefusedRecord, SpendSink } from "./spend-sink.ts";

/** How long a record waits for others before a batch begins. */
const BATCH_DELAY_MS = 100;

/** How long rows wait for the rollups. */
const ROLLUP_DELAY_MS = 2_000;

/** Records in memory; beyond, the journal has them and they are read back when the database has caught up. */
const QUEUE_LIMIT = 10_000;

/** Records read back at once. */
const READ_BACK = 1_000;

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

/** Waiting for another process's transaction, which takes a few milliseconds; random, so that none starves. */
const busyDelayMs = () => 2 + Math.random() * 8;

/** Part of a journal file whose settlements are all still to be written. */
interface Region {
  readonly file: JournalFile;
  readonly from: number;
  to: number;
}

export interface BatchWriterOptions {
  readonly sink: SpendSink;
  readonly log: Log;
  /** The database has the record (or refused it for good); `file` is where it was journaled. */
  readonly onSaved: (record: SpendRecord, file: JournalFile | undefined) => void;
  readonly onRefused: (refused: RefusedRecord) => void;
  /** A batch is done and nothing waits. */
  readonly onIdle: () => void;
  /** Default 10,000. */
  readonly queueLimit?: number;
}

/** Moves settled records to the database, a few milliseconds of the event loop at a time, however long it is away. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #queueLimit: number;
  readonly #records: SpendRecord[] = [];
  readonly #files: (JournalFile | undefined)[] = [];
  #next = 0;
  readonly #regions: Region[] = [];
  #regionOpen = false;
  #reading: { readonly file: JournalFile; readonly entries: Iterator<SpendRecord> } | undefined;
  #spilled = 0;
  #running: Promise<void> | undefined;
  #batchTimer: ReturnType<typeof setTimeout> | undefined;
  #rollupTimer: ReturnType<typeof setTimeout> | undefined;
  #rolling: Promise<void> | undefined;
  #failure: unknown;
  #closed = false;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#queueLimit = options.queueLimit ?? QUEUE_LIMIT;
  }

  /** Records that the database does not have yet. */
  get pending(): number {
    return this.#records.length - this.#next + this.#spilled;
  }

  /** Those of them that only the journal has. */
  get spilled(): number {
    return this.#spilled;
  }

  /** Whether the last attempt to write failed. */
  get failing(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether the next record should stay in the journal only: memory is bounded while the database is away. */
  get full(): boolean {
    return this.#spilled > 0 || this.#records.length - this.#next >= this.#queueLimit;
  }

  add(record: SpendRecord, file: JournalFile | undefined): void {
    this.#records.push(record);
    this.#files.push(file);
    this.#schedule(BATCH_DELAY_MS);
  }

  /** Takes note of a settlement that stands in `file` from `from` to `to`; all between two such calls are spilled. */
  spill(file: JournalFile, from: number, to: number): void {
    const last = this.#regions.at(-1);
    if (this.#regionOpen && last?.file === file) last.to = to;
    else this.#regions.push({ file, from, to });
    this.#regionOpen = true;
    this.#spilled++;
    this.#schedule(BATCH_DELAY_MS);
  }

  /** A settlement that is in the queue was journaled behind the last spilled one: the next begins a new region. */
  endRegion(): void {
    this.#regionOpen = false;
  }

  /** Writes what was added before, and its rollups. Rejects when the database cannot be written. */
  async flush(): Promise<void> {
    this.#failure = undefined;
    while (this.pending > 0) {
      this.#schedule(0);
      await this.#runNow();
      if (this.pending > 0 && this.#failure !== undefined) throw this.#failure;
    }
    await this.#rollUpNow();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends all timers; what is still pending is in the journal. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#batchTimer);
    clearTimeout(this.#rollupTimer);
    await this.#running;
    await this.#rolling;
  }

  /** Rollups follow; for rows that did not come through this writer. */
  scheduleRollup(): void {
    if (this.#closed) return;
    this.#rollupTimer ??= setTimeout(() => void this.#rollUpNow(), ROLLUP_DELAY_MS);
  }

  #schedule(delayMs: number): void {
    if (this.#closed || this.#running !== undefined || this.#batchTimer !== undefined) return;
    this.#batchTimer = setTimeout(() => void this.#runNow(), delayMs);
  }

  #runNow(): Promise<void> {
    clearTimeout(this.#batchTimer);
    this.#batchTimer = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.pending > 0) this.#schedule(this.#failure === undefined ? BATCH_DELAY_MS : LAST_RETRY_MS);
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (!this.#closed && (this.#next < this.#records.length || this.#readBack())) {
      try {
        const { done, duplicates, refused } = await this.#options.sink.write(this.#records, this.#next);
        retryMs = FIRST_RETRY_MS;
        const repeated = this.#failure !== undefined;
        if (repeated) this.#options.log.info("the ledger's database can be written again");
        this.#failure = undefined;
        for (const { record, error } of refused) this.#refuse({ record, error });
        // An attempt that seemed to fail may have been committed: its answer was lost, not its rows.
        if (!repeated) {
          for (const id of duplicates)
            this.#options.log.error("a request was settled twice; the first row stays", { id });
        }
        this.#saved(done);
      } catch (error) {
        if (!this.#options.sink.isBusy(error)) {
          if (this.#failure === undefined) this.#reportFailure("the ledger's database cannot be written", error);
          this.#failure = error;
          if (retryMs > LAST_RETRY_MS) return;
        }
        await delay(this.#options.sink.isBusy(error) ? busyDelayMs() : retryMs);
        if (!this.#options.sink.isBusy(error)) retryMs *= 4;
        continue;
      }
      await nextTurn();
    }
    this.scheduleRollup();
    this.#options.onIdle();
  }

  #saved(count: number): void {
    const end = this.#next + count;
    for (let index = this.#next; index < end; index++) {
      this.#options.onSaved(this.#records[index] as SpendRecord, this.#files[index]);
    }
    this.#next = end;
    if (this.#next < this.#records.length && this.#next < this.#queueLimit) return;
    this.#records.splice(0, this.#next);
    this.#files.splice(0, this.#next);
    this.#next = 0;
  }

  /** Fills the empty queue from the journal; returns whether there was something. */
  #readBack(): boolean {
    while (this.#reading !== undefined || this.#regions.length > 0) {
      this.#reading ??= this.#openRegion();
      for (let count = 0; count < READ_BACK; count++) {
        const { done, value } = this.#reading.entries.next();
        if (done === true) {
          this.#reading = undefined;
          break;
        }
        this.#records.push(value);
        this.#files.push(this.#reading.file);
        this.#spilled--;
      }
      if (this.#records.length > 0) return true;
    }
    return false;
  }

  #openRegion(): { readonly file: JournalFile; readonly entries: Iterator<SpendRecord> } {
    const { file, from, to } = this.#regions.shift() as Region;
    if (this.#regions.length === 0) this.#regionOpen = false;
    return { file, entries: settlements(file.path, from, to, this.#options.log) };
  }

  #refuse(refused: RefusedRecord): void {
    const { record, error } = refused;
    this.#options.log.error("the database refused a request's row", { id: record.id, reason: String(error) });
    this.#options.onRefused(refused);
  }

  #rollUpNow(): Promise<void> {
    clearTimeout(this.#rollupTimer);
    this.#rollupTimer = undefined;
    this.#rolling ??= this.#rollUp().finally(() => {
      this.#rolling = undefined;
    });
    return this.#rolling;
  }

  async #rollUp(): Promise<void> {
    for (let more = true; more && !this.#closed; ) {
      try {
        more = await this.#options.sink.rollUp();
        if (this.pending === 0) this.#failure = undefined;
      } catch (error) {
        if (!this.#options.sink.isBusy(error)) {
          this.#reportFailure("rollups cannot be written", error);
          this.#failure = error;
          this.scheduleRollup();
          return;
        }
        await delay(busyDelayMs());
        continue;
      }
      await nextTurn();
    }
  }

  #reportFailure(message: string, error: unknown): void {
    this.#options.log.error(message, { reason: String(error), pending: this.pending });
  }
}

function* settlements(path: string, from: number, to: number, log: Log): Generator<SpendRecord> {
  const onCorrupt = (offset: number) => log.error("a line of the journal is corrupt", { path, offset });
  for (const entry of readJournal(path, { from, to, onCorrupt })) {
    if (entry.kind === "settlement") yield entry.record;
  }
}

function delay(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Lets everything else that is ready run first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
