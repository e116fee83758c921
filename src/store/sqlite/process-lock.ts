import { Database } from "bun:sqlite";
import { isBusy } from "./connection.ts";

/**
 * A lock on a file that the kernel gives back when its process dies, however it dies. SQLite takes it (an exclusive
 * transaction on an empty database), because the runtime has no call for file locks; unlike a process id it cannot be
 * mistaken across reboots, reused ids or containers that share a volume.
 */
export class ProcessLock {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Takes the lock, or returns undefined while another owner (in this or any process) has it. Never waits. */
  static take(path: string): ProcessLock | undefined {
    const database = new Database(path, { create: true, readwrite: true });
    try {
      database.run("BEGIN EXCLUSIVE");
      return new ProcessLock(database);
    } catch (error) {
      database.close();
      if (isBusy(error)) return undefined;
      throw error;
    }
  }

  /** Waits for the lock. Throws when it is not free after `timeoutMs`. */
  static async wait(path: string, timeoutMs: number): Promise<ProcessLock> {
    const start = performance.now();
    for (;;) {
      const lock = ProcessLock.take(path);
      if (lock !== undefined) return lock;
      if (performance.now() - start > timeoutMs) throw new Error(`${path} is still locked after ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  release(): void {
    this.#database.run("ROLLBACK");
    this.#database.close();
  }
}
