import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, type DatabaseLocation, openDatabase } from "../../src/store/database.ts";
import { testPostgres } from "../support/services/postgres.ts";

/** One of the two databases, to run the same tests on. */
export interface StoreUnderTest {
  readonly name: "sqlite" | "postgres";
  /** Undefined where it cannot be had here: skip. */
  readonly available: boolean;
  /** Opens an empty database (no schema yet), or the same once more with `again`. */
  open(): Promise<OpenedStore>;
}

export interface OpenedStore {
  readonly database: Database;
  readonly location: DatabaseLocation;
  /** Another process's view of the same data; closed with the rest. */
  again(): Database;
  /** Closes and removes everything. */
  remove(): Promise<void>;
}

/** SQLite, and PostgreSQL where there is one. */
export async function storesUnderTest(file: string): Promise<readonly StoreUnderTest[]> {
  const first = await testPostgres(file);
  await first?.drop();
  return [
    {
      name: "sqlite",
      available: true,
      async open() {
        const dataDir = mkdtempSync(join(tmpdir(), `isthmus-${file}-`));
        return opened({ dataDir }, async () => rmSync(dataDir, { recursive: true, force: true }));
      },
    },
    {
      name: "postgres",
      available: first !== undefined,
      async open() {
        const postgres = await testPostgres(file);
        if (postgres === undefined) throw new Error("PostgreSQL is gone");
        return opened({ url: postgres.url, tuning: { poolSize: 4 } }, () => postgres.drop());
      },
    },
  ];
}

function opened(location: DatabaseLocation, cleanUp: () => Promise<void>): OpenedStore {
  const all: Database[] = [];
  const again = () => {
    const database = openDatabase(location);
    all.push(database);
    return database;
  };
  return {
    database: again(),
    location,
    again,
    async remove() {
      for (const database of all) await database.close();
      await cleanUp();
    },
  };
}
