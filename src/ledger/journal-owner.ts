import { randomBytes } from "node:crypto";
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { ProcessLock } from "../store/sqlite/process-lock.ts";
import { JOURNAL_SUFFIX } from "./journal.ts";

const LOCK_SUFFIX = ".lock";
const RECOVERY_LOCK = "recovery.lock";

/** Another process's recovery of a large journal may take a while. */
const RECOVERY_WAIT_MS = 120_000;

/** Process id, milliseconds since the epoch, randomness: for people; whether the owner lives, its lock says. */
const OWNER_FILE = /^(\d+-\d+-[0-9a-f]{8})\.(?:\d{6}\.journal|lock)$/;

/**
 * A process's claim to its journal files: while it lives it holds the lock `<owner>.lock`, and whoever can take that
 * lock knows that the owner is dead and that nobody else is recovering it.
 */
export class JournalOwner {
  readonly name: string;
  readonly #directory: string;
  readonly #lock: ProcessLock;

  private constructor(directory: string, name: string, lock: ProcessLock) {
    this.name = name;
    this.#directory = directory;
    this.#lock = lock;
  }

  /**
   * Registers this process, and recovers before any other process can do either: when it returns, no journal of a
   * process that died earlier is left, whoever recovered it.
   */
  static async enter<T>(directory: string, recover: () => Promise<T>): Promise<{ owner: JournalOwner; recovered: T }> {
    const gate = await ProcessLock.wait(join(directory, RECOVERY_LOCK), RECOVERY_WAIT_MS);
    try {
      const recovered = await recover();
      const name = `${process.pid}-${Date.now()}-${randomBytes(4).toString("hex")}`;
      const lock = ProcessLock.take(join(directory, name + LOCK_SUFFIX));
      if (lock === undefined) throw new Error(`the journal of ${name} has an owner already`);
      return { owner: new JournalOwner(directory, name, lock), recovered };
    } finally {
      gate.release();
    }
  }

  /** Gives the claim up. With files left behind, the next process to start recovers them. */
  leave(empty: boolean): void {
    if (empty) unlinkSync(join(this.#directory, this.name + LOCK_SUFFIX));
    this.#lock.release();
  }
}

/** A dead process's journal files, oldest first, held by this process until `release`. */
export interface AbandonedJournal {
  readonly owner: string;
  readonly paths: readonly string[];
  /** `recovered`: the files are gone, and the owner's lock goes too. */
  release(recovered: boolean): void;
}

/** The journals whose owners are dead, one after the other. Only inside `JournalOwner.enter`. */
export function* abandonedJournals(directory: string): Generator<AbandonedJournal> {
  const files = new Map<string, string[]>();
  for (const name of readdirSync(directory).sort()) {
    const owner = OWNER_FILE.exec(name)?.[1];
    if (owner === undefined) continue;
    const paths = files.get(owner) ?? [];
    files.set(owner, paths);
    if (name.endsWith(JOURNAL_SUFFIX)) paths.push(join(directory, name));
  }
  for (const [owner, paths] of files) {
    const lockPath = join(directory, owner + LOCK_SUFFIX);
    const lock = ProcessLock.take(lockPath);
    if (lock === undefined) continue;
    yield {
      owner,
      paths,
      release: (recovered) => {
        if (recovered) unlinkSync(lockPath);
        lock.release();
      },
    };
  }
}
