import { sql } from "kysely";
import type { Log } from "../../events/log.ts";
import type { Database } from "../../store/database.ts";

/** Tells whoever starts on LiteLLM's own database how to go on with its keys, as long as there are none here. */
export async function hintAtImport(database: Database, log: Log): Promise<void> {
  if (database.dialect !== "postgres") return;
  const { rows } = await sql<{ found: number }>`
    SELECT 1 AS found WHERE to_regclass('"LiteLLM_VerificationToken"') IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM virtual_key)`.execute(database.kysely);
  if (rows.length === 0) return;
  log.info("this database has tables of LiteLLM: `isthmus import litellm` takes their keys, users, teams and models", {
    database: database.place,
  });
}
