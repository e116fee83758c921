import type { Log } from "../../events/log.ts";
import type { Database } from "../database.ts";
import { LONGEST_CHAIN, ResponseQueries, type StoredResponse } from "./response-table.ts";

const DAY_MS = 86_400_000;
/** As long as OpenAI keeps them. */
const RETENTION_DAYS = 30;
const SWEEP_MS = 600_000;
const SWEEP_ROWS = 1000;
/** Answers that may wait for a database that is slow or gone. */
const MOST_WAITING = 10_000;
const ROWS_A_WRITE = 50;
const RETRY_MS = 1000;

export interface ResponseStoreOptions {
  readonly database: Database;
  readonly log: Log;
  /** Days after which an answer is gone; default 30. */
  readonly retentionDays?: number;
  /** Milliseconds since the epoch; default the clock. */
  readonly now?: () => number;
}

/**
 * Kept answers. Saving returns at once and the database is written behind it; this process finds what waits, others find
 * it a moment later. When the database stays away and too many wait, the oldest are given up, with an error in the log.
 */
export interface ResponseStore {
  save(response: Omit<StoredResponse, "createdAt" | "expiresAt">): void;
  find(id: string): Promise<StoredResponse | undefined>;
  /** An answer and those that it goes on from, oldest first. */
  chain(id: string): Promise<readonly StoredResponse[]>;
  remove(id: string): Promise<boolean>;
  /** Writes what waits and stops. */
  close(): Promise<void>;
}

export function openResponseStore(options: ResponseStoreOptions): ResponseStore {
  return new WriteBehindStore(options);
}

class WriteBehindStore implements ResponseStore {
  readonly #queries: ResponseQueries;
  readonly #log: Log;
  readonly #retention: number;
  readonly #now: () => number;
  readonly #waiting = new Map<string, StoredResponse>();
  #writing: Promise<void> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #sweep: ReturnType<typeof setInterval>;
  #lost = 0;

  constructor(options: ResponseStoreOptions) {
    this.#queries = new ResponseQueries(options.database);
    this.#log = options.log;
    this.#retention = (options.retentionDays ?? RETENTION_DAYS) * DAY_MS;
    this.#now = options.now ?? Date.now;
    this.#sweep = setInterval(() => void this.#removeExpired(), SWEEP_MS);
    this.#sweep.unref();
    void this.#removeExpired();
  }

  save(response: Omit<StoredResponse, "createdAt" | "expiresAt">): void {
    const now = this.#now();
    this.#waiting.set(response.id, { ...response, createdAt: now, expiresAt: now + this.#retention });
    if (this.#waiting.size > MOST_WAITING) {
      const [oldest] = this.#waiting.keys();
      if (oldest !== undefined) this.#waiting.delete(oldest);
      this.#lost++;
    }
    this.#start();
  }

  async find(id: string): Promise<StoredResponse | undefined> {
    return this.#waiting.get(id) ?? this.#queries.find(id, this.#now());
  }

  async chain(id: string): Promise<readonly StoredResponse[]> {
    const newest: StoredResponse[] = [];
    let at: string | undefined = id;
    while (at !== undefined && newest.length < LONGEST_CHAIN) {
      const waiting: StoredResponse | undefined = this.#waiting.get(at);
      if (waiting === undefined) break;
      newest.push(waiting);
      at = waiting.previousId;
    }
    const older = at === undefined ? [] : await this.#queries.chain(at, this.#now());
    return [...older, ...newest.reverse()];
  }

  async remove(id: string): Promise<boolean> {
    const waited = this.#waiting.delete(id);
    await this.#writing;
    const removed = await this.#queries.remove(id);
    return waited || removed;
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    clearTimeout(this.#retry);
    await this.#writing;
    if (this.#waiting.size > 0) await this.#write();
    clearTimeout(this.#retry);
  }

  #start(): void {
    if (this.#writing !== undefined || this.#retry !== undefined) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.size > 0) this.#start();
    });
  }

  async #write(): Promise<void> {
    // What is saved in the same turn goes in the same write.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, ROWS_A_WRITE);
      try {
        await this.#queries.insert(batch);
      } catch (error) {
        this.#log.error("answers of the Responses API could not be kept", {
          waiting: this.#waiting.size,
          lost: this.#lost,
          error: error instanceof Error ? error.message : String(error),
        });
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.#start();
        }, RETRY_MS);
        this.#retry.unref();
        return;
      }
      for (const response of batch) if (this.#waiting.get(response.id) === response) this.#waiting.delete(response.id);
    }
  }

  async #removeExpired(): Promise<void> {
    try {
      while ((await this.#queries.removeExpired(this.#now(), SWEEP_ROWS)) === SWEEP_ROWS);
    } catch (error) {
      this.#log.warning("expired answers could not be removed", {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
