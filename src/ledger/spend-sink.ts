import type { SpendRecord } from "./record.ts";

/** A record that the database will never take, with what it said. */
export interface RefusedRecord {
  readonly record: SpendRecord;
  readonly error: unknown;
}

export interface WriteResult {
  /** How many records, from the first on, need no further attempt. */
  readonly done: number;
  /** Ids that had their final row already. */
  readonly duplicates: readonly string[];
  readonly refused: readonly RefusedRecord[];
}

/** Where settled records go. One folder per database implements it. */
export interface SpendSink {
  /**
   * Writes records in one transaction, as many from `from` on as fit into a few milliseconds. A final record replaces
   * an `interrupted` row of its id; any other row of the same id stays. Throws when the database cannot be written;
   * then nothing was.
   */
  write(records: readonly SpendRecord[], from: number): WriteResult | Promise<WriteResult>;
  /** Adds some of the rows that no rollup has yet to all rollups; returns whether there are more. */
  rollUp(): boolean | Promise<boolean>;
  /** Waits until what was written survives a power loss. */
  sync(): Promise<void>;
  /** Whether the error only means that another writer was at work. */
  isBusy(error: unknown): boolean;
  close(): void | Promise<void>;
}
