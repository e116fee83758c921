import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  openSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type JournalEntry, JournalLineEncoder } from "./journal-line.ts";
import type { LeaseRecord, SpendRecord } from "./record.ts";

/** `group`: written at once, on the disk within 100 ms. `always`: on the disk before the call returns. */
export type JournalSync = "group" | "always";

/** Longest time between a write and its fsync in the mode `group`. */
const GROUP_SYNC_MS = 100;

const DEFAULT_ROTATE_BYTES = 16 * 1024 * 1024;

export const JOURNAL_SUFFIX = ".journal";

/** One file of a journal and what still needs it. */
export interface JournalFile {
  readonly path: string;
  /** Bytes of whole lines. */
  size: number;
  /** Leases whose settlement is neither journaled nor in the database. */
  openLeases: number;
  /** Settlements that the database does not have yet. */
  unsaved: number;
}

export interface JournalOptions {
  readonly directory: string;
  /** Prefix of this process's files, unique among all processes, ever. */
  readonly owner: string;
  readonly sync: JournalSync;
  /** A file is closed and the next one begun when it has grown to this size. Default 16 MiB. */
  readonly rotateBytes?: number;
  /** Told when the disk did not take what was written; the lines are with the kernel only. */
  readonly onSyncError: (error: unknown) => void;
}

interface Handle extends JournalFile {
  readonly descriptor: number;
  dirty: boolean;
}

/**
 * The append-only files of one process. Each line is one write(2), so it survives the process from then on; fsync
 * follows in groups. A write that the disk takes only in part is taken back, so files hold whole lines.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #encoder = new JournalLineEncoder();
  readonly #directory: number;
  readonly #files: Handle[] = [];
  #current: Handle | undefined;
  #sequence = 0;
  /** The current file ends in part of a line that could not be taken back yet. */
  #torn = false;
  #syncTimer: ReturnType<typeof setTimeout> | undefined;
  #syncing: Promise<void> | undefined;
  #directoryDirty = false;
  #lastLineBytes = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#directory = openSync(options.directory, "r");
  }

  get files(): readonly JournalFile[] {
    return this.#files;
  }

  /** The file that grows. */
  get current(): JournalFile | undefined {
    return this.#current;
  }

  /** Bytes of the line that was appended last; it ends its file. */
  get lastLineBytes(): number {
    return this.#lastLineBytes;
  }

  /**
   * Appends one line and returns the file that has it now. Throws the system's error when the line could not be
   * written whole; then nothing of it remains.
   */
  append(kind: JournalEntry["kind"], record: LeaseRecord | SpendRecord): JournalFile {
    const line = this.#encoder.encode(kind, record);
    const file = this.#writable();
    if (this.#torn) this.#takeBack(file);
    let written = 0;
    try {
      written = writeSync(file.descriptor, line, 0, line.length);
      if (written < line.length) throw new Error(`the disk took ${written} of ${line.length} bytes`);
    } catch (error) {
      this.#torn = true;
      // When this fails too, the error of the write says more; the next append takes the part back first.
      try {
        this.#takeBack(file);
      } catch {
        this.#torn = true;
      }
      throw error;
    }
    file.size += line.length;
    this.#lastLineBytes = line.length;
    if (this.#options.sync === "always") {
      fdatasyncSync(file.descriptor);
    } else {
      file.dirty = true;
      this.#syncTimer ??= setTimeout(() => this.#startSync(), GROUP_SYNC_MS);
    }
    return file;
  }

  /** Waits until everything that was written is on the disk. */
  async sync(): Promise<void> {
    if (this.#syncTimer !== undefined) {
      clearTimeout(this.#syncTimer);
      this.#syncTimer = undefined;
    }
    await this.#syncing;
    await this.#syncDirty();
  }

  /** Deletes a file that nothing needs any more. The current file is closed first. */
  remove(file: JournalFile): void {
    const index = this.#files.indexOf(file as Handle);
    const handle = this.#files[index];
    if (handle === undefined) return;
    this.#files.splice(index, 1);
    if (handle === this.#current) {
      this.#current = undefined;
      this.#torn = false;
    }
    closeSync(handle.descriptor);
    unlinkSync(handle.path);
  }

  /** Closes the files that remain; they are on the disk then. */
  async close(): Promise<void> {
    await this.sync();
    for (const file of this.#files) closeSync(file.descriptor);
    this.#files.length = 0;
    this.#current = undefined;
    closeSync(this.#directory);
  }

  #writable(): Handle {
    const current = this.#current;
    if (current !== undefined && (current.size < (this.#options.rotateBytes ?? DEFAULT_ROTATE_BYTES) || this.#torn)) {
      return current;
    }
    const name = `${this.#options.owner}.${String(this.#sequence).padStart(6, "0")}${JOURNAL_SUFFIX}`;
    const path = join(this.#options.directory, name);
    const file = { path, descriptor: openSync(path, "ax", 0o600), size: 0, openLeases: 0, unsaved: 0, dirty: false };
    this.#sequence++;
    this.#files.push(file);
    this.#current = file;
    // Without this a power loss could take the file's name, and with it every line.
    if (this.#options.sync === "always") fsyncSync(this.#directory);
    else this.#directoryDirty = true;
    return file;
  }

  #takeBack(file: Handle): void {
    ftruncateSync(file.descriptor, file.size);
    this.#torn = false;
  }

  #startSync(): void {
    this.#syncTimer = undefined;
    this.#syncing ??= this.#syncDirty().finally(() => {
      this.#syncing = undefined;
    });
  }

  async #syncDirty(): Promise<void> {
    if (this.#directoryDirty) {
      this.#directoryDirty = false;
      await this.#settled(fsync, this.#directory);
    }
    for (const file of [...this.#files]) {
      if (!file.dirty) continue;
      file.dirty = false;
      await this.#settled(fdatasync, file.descriptor);
    }
  }

  #settled(call: typeof fsync, descriptor: number): Promise<void> {
    return new Promise((resolve) => {
      call(descriptor, (error) => {
        if (error !== null && error !== undefined) this.#options.onSyncError(error);
        resolve();
      });
    });
  }
}
