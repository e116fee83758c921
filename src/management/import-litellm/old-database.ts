import { type Kysely, sql } from "kysely";
import type { JsonObject } from "../../json/json.ts";
import { openServer, type PostgresDatabase } from "../../store/database.ts";
import { postgresSettings } from "../../store/postgres/settings.ts";
import { OldRow } from "./old-row.ts";

/** Rows that are in memory at a time. */
const PAGE = 1_000;

/** How far rows of a table that is not taken are counted. */
const COUNTED = 10_000;

type Reader = Kysely<unknown>;

/**
 * A LiteLLM database, seen at one moment and only read. Rows come as JSON, so that a column that a release does not
 * have is no error.
 */
export class OldDatabase {
  readonly #reader: Reader;
  readonly #tables: ReadonlySet<string>;

  constructor(reader: Reader, tables: ReadonlySet<string>) {
    this.#reader = reader;
    this.#tables = tables;
  }

  /** LiteLLM's tables that are there, in their order. */
  get tables(): readonly string[] {
    return [...this.#tables].sort();
  }

  /** The rows of a table in pages, in the order of these columns; none where there is no such table. */
  async *pages(table: string, order: readonly string[]): AsyncGenerator<readonly OldRow[]> {
    if (!this.#tables.has(table)) return;
    const by = sql.join(order.map((column) => sql.ref(column)));
    await sql`DECLARE pages NO SCROLL CURSOR FOR
      SELECT to_jsonb(t) AS row FROM ${sql.table(table)} AS t ORDER BY ${by}`.execute(this.#reader);
    try {
      for (;;) {
        const { rows } = await sql<{ row: JsonObject }>`FETCH ${sql.lit(PAGE)} FROM pages`.execute(this.#reader);
        if (rows.length === 0) return;
        yield rows.map(({ row }) => new OldRow(row));
      }
    } finally {
      await sql`CLOSE pages`.execute(this.#reader);
    }
  }

  /** The rows whose column is one of the values. */
  async findAll(table: string, column: string, values: readonly (string | number | null)[]): Promise<OldRow[]> {
    return (await this.#find(table, column, values)).map(({ row }) => new OldRow(row));
  }

  /** The same where a value names one row, by the value. */
  async findMany(
    table: string,
    column: string,
    values: readonly (string | number | null)[],
  ): Promise<ReadonlyMap<string, OldRow>> {
    return new Map((await this.#find(table, column, values)).map(({ name, row }) => [name, new OldRow(row)]));
  }

  async #find(
    table: string,
    column: string,
    values: readonly (string | number | null)[],
  ): Promise<readonly { readonly name: string; readonly row: JsonObject }[]> {
    const wanted = [...new Set(values.filter((value) => value !== null))].map(String);
    if (wanted.length === 0 || !this.#tables.has(table)) return [];
    const { rows } = await sql<{ name: string; row: JsonObject }>`
      SELECT t.${sql.ref(column)}::text AS name, to_jsonb(t) AS row FROM ${sql.table(table)} AS t
      WHERE t.${sql.ref(column)}::text = ANY(${wanted})`.execute(this.#reader);
    return rows;
  }

  /** Lower-cased address → the user who has it. */
  async usersByEmail(emails: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (emails.length === 0) return new Map();
    const { rows } = await sql<{ email: string; id: string }>`
      SELECT lower(user_email) AS email, min(user_id) AS id FROM "LiteLLM_UserTable"
      WHERE lower(user_email) = ANY(${emails.map((one) => one.toLowerCase())}) GROUP BY 1`.execute(this.#reader);
    return new Map(rows.map(({ email, id }) => [email, id]));
  }

  /** How many rows a table has; of large ones only that they are many. */
  async count(table: string): Promise<number> {
    const { rows } = await sql<{ total: number }>`
      SELECT count(*) AS total FROM (SELECT 1 FROM ${sql.table(table)} LIMIT ${sql.lit(COUNTED + 1)}) AS counted`.execute(
      this.#reader,
    );
    return rows[0]?.total ?? 0;
  }
}

export const MANY_ROWS = COUNTED;

/**
 * Runs with the LiteLLM database at an address, seen at one moment. Throws when it cannot be reached, or when there are
 * no tables of LiteLLM.
 */
export async function withOldDatabase<T>(address: string, run: (old: OldDatabase) => Promise<T>): Promise<T> {
  // A page of rows is quick; the transaction as a whole may take as long as it needs.
  const database: PostgresDatabase = openServer({ ...postgresSettings(address), poolSize: 1 });
  try {
    return await (database.kysely as unknown as Reader)
      .transaction()
      .setIsolationLevel("repeatable read")
      .setAccessMode("read only")
      .execute(async (transaction) => {
        const { rows } = await sql<{ name: string }>`
          SELECT c.relname AS name FROM pg_catalog.pg_class AS c
          WHERE c.relkind IN ('r', 'p') AND c.relname LIKE 'LiteLLM!_%' ESCAPE '!' AND pg_table_is_visible(c.oid)`.execute(
          transaction,
        );
        const tables = new Set(rows.map(({ name }) => name));
        if (!tables.has("LiteLLM_VerificationToken")) {
          throw new Error(
            `${database.place} has no table "LiteLLM_VerificationToken": it is no LiteLLM database, or its tables are in ` +
              "another schema (add ?schema=NAME to the address)",
          );
        }
        return run(new OldDatabase(transaction, tables));
      });
  } finally {
    await database.close();
  }
}
