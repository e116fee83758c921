import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../src/events/log.ts";
import { type Ledger, type LedgerOptions, openLedger } from "../../src/ledger/ledger.ts";
import type { LeaseRecord, SpendRecord } from "../../src/ledger/record.ts";
import type { Database, DatabaseLocation } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import type { OpenedStore, StoreUnderTest } from "../store/databases.ts";

export const KEY_HASH = "5e".repeat(32);

export function lease(id: string, more: Partial<LeaseRecord> = {}): LeaseRecord {
  return {
    id,
    startedAt: 1_760_000_000_000,
    amount: "9000",
    callType: "acompletion",
    modelGroup: "gpt-4o",
    keyHash: KEY_HASH,
    ...more,
  };
}

export function settlement(id: string, more: Partial<SpendRecord> = {}): SpendRecord {
  return {
    id,
    startedAt: 1_760_000_000_000,
    endedAt: 1_760_000_000_500,
    callType: "acompletion",
    modelGroup: "gpt-4o",
    keyHash: KEY_HASH,
    status: "success",
    cost: "1234",
    price: "known",
    model: "gpt-4o-2024-08-06",
    provider: "openai",
    deploymentId: "deployment-1",
    apiBase: "https://api.openai.com/v1",
    buckets: { input: 100, output: 20 },
    promptTokens: 100,
    completionTokens: 20,
    totalTokens: 120,
    stream: false,
    httpStatus: 200,
    attempts: [
      {
        deploymentId: "deployment-1",
        provider: "openai",
        model: "gpt-4o-2024-08-06",
        startedAt: 1_760_000_000_001,
        endedAt: 1_760_000_000_499,
        status: "success",
        httpStatus: 200,
        cost: "1234",
      },
    ],
    ...more,
  };
}

/** A data directory with an empty database, removed by `remove`. */
export class Place {
  readonly dataDir = mkdtempSync(join(tmpdir(), "isthmus-ledger-"));
  readonly lines: string[] = [];
  readonly log = new Log({ level: "info", write: (text) => this.lines.push(text) });
  readonly #store: OpenedStore;

  private constructor(store: OpenedStore) {
    this.#store = store;
  }

  static async make(under: StoreUnderTest): Promise<Place> {
    const store = await under.open();
    await migrate(store.database);
    return new Place(store);
  }

  get journal(): string {
    return join(this.dataDir, "journal");
  }

  get location(): DatabaseLocation {
    return this.#store.location;
  }

  /** The migrated database; another view of it each time. */
  database(): Database {
    return this.#store.again();
  }

  async ledger(database: Database, options: Partial<LedgerOptions> = {}): Promise<Ledger> {
    return openLedger({ dataDir: this.dataDir, database, log: this.log, ...options });
  }

  /** What was logged so far. */
  logged(): string {
    this.log.flush();
    return this.lines.join("");
  }

  async remove(): Promise<void> {
    await this.#store.remove();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
