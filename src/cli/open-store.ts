import type { Log } from "../events/log.ts";
import { type Database, openDatabase } from "../store/database.ts";
import { type DatabaseConfig, databaseLocation } from "../store/database-location.ts";
import { migrate } from "../store/migrate.ts";
import { isAway } from "../store/postgres/errors.ts";

/** How long a start waits for a database that is still starting itself. */
const WAIT_SECONDS = 60;

const RETRY_MS = 500;

export interface StoreOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `general_settings`. */
  readonly config: DatabaseConfig;
  readonly dataDir: string;
  readonly log: Log;
}

/**
 * Opens the database that configuration or environment name, and brings its schema up to date. A server that does not
 * answer yet is waited for, ISTHMUS_DATABASE_WAIT_SECONDS (60) long. Throws when it does not come, or refuses.
 */
export async function openStore(options: StoreOptions): Promise<{ database: Database; applied: readonly string[] }> {
  const { environment, log } = options;
  const database = openDatabase(databaseLocation(environment, options.config, options.dataDir));
  const patienceMs = Number(environment.ISTHMUS_DATABASE_WAIT_SECONDS ?? WAIT_SECONDS) * 1000;
  const start = performance.now();
  for (let waiting = false; ; waiting = true) {
    try {
      const applied = await migrate(database);
      if (applied.length > 0) log.info("the schema was brought up to date", { steps: applied.join(" ") });
      return { database, applied };
    } catch (error) {
      if (!isAway(error) || performance.now() - start > patienceMs) {
        await database.close();
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`the database ${database.place} cannot be used: ${reason}`, { cause: error });
      }
      if (!waiting) log.warning("waiting for the database", { place: database.place, reason: String(error) });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
