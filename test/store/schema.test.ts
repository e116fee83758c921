import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHash } from "node:crypto";
import { sql } from "kysely";
import type { Database } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { MIGRATIONS } from "../../src/store/migrations/all.ts";
import { ROOT } from "../support/gateway.ts";
import { type OpenedStore, storesUnderTest } from "./databases.ts";
import released from "./released-schema.json";

setDefaultTimeout(60_000);

const checksum = (statements: readonly string[]): string =>
  createHash("sha256").update(statements.join(";\n")).digest("hex");

test("steps of a release are what they were", () => {
  for (const [name, checksums] of Object.entries(released.steps)) {
    const step = MIGRATIONS.find((migration) => migration.name === name);
    expect([name, step && checksum(step.statements.sqlite), step && checksum(step.statements.postgres)]).toEqual([
      name,
      checksums.sqlite,
      checksums.postgres,
    ]);
  }
  const names = MIGRATIONS.map((migration) => migration.name);
  expect(names).toEqual(names.toSorted());
});

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  /** Whether an insert must name it. */
  readonly needed: boolean;
}

async function columnsOf({ dialect, kysely }: Database): Promise<readonly Column[]> {
  if (dialect === "postgres") {
    const { rows } = await sql<Column>`SELECT table_name AS table, column_name AS column, data_type AS type,
      is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AS needed FROM information_schema.columns
      WHERE table_schema = current_schema()`.execute(kysely);
    return rows;
  }
  const { rows } = await sql<Omit<Column, "needed"> & { needed: number }>`SELECT t.name AS "table", c.name AS "column",
    c.type, c."notnull" = 1 AND c.dflt_value IS NULL AS needed
    FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'`.execute(kysely);
  return rows.map((row) => ({ ...row, needed: row.needed === 1 }));
}

/** What must be different in each row of a table. */
async function uniqueOf({ dialect, kysely }: Database): Promise<readonly string[]> {
  if (dialect === "postgres") {
    const { rows } = await sql<{ text: string }>`SELECT indexdef AS text FROM pg_indexes
      WHERE schemaname = current_schema() AND indexdef LIKE 'CREATE UNIQUE%'`.execute(kysely);
    return rows.map(({ text }) => text);
  }
  const { rows } = await sql<{ text: string }>`SELECT t.name || ' ' || i.name AS text
    FROM sqlite_schema AS t, pragma_index_list(t.name) AS i WHERE t.type = 'table' AND i."unique" = 1`.execute(kysely);
  return rows.map(({ text }) => text);
}

describe.each((await storesUnderTest("schema")).filter((store) => store.available))("on $name", (store) => {
  let opened: OpenedStore;
  beforeAll(async () => {
    opened = await store.open();
  });
  afterAll(() => opened.remove());

  test("newer steps only add: the last release still reads and writes all of its tables", async () => {
    const { database } = opened;
    const old = MIGRATIONS.filter(({ name }) => name in released.steps);
    await migrate(database, old);
    const before = await columnsOf(database);
    const unique = await uniqueOf(database);
    await migrate(database);
    const after = await columnsOf(database);
    const key = ({ table, column }: Column) => `${table}.${column}`;
    const now = new Map(after.map((column) => [key(column), column]));
    for (const column of before) expect([key(column), now.get(key(column))]).toEqual([key(column), column]);
    const tables = new Set(before.map(({ table }) => table));
    const had = new Set(before.map(key));
    // What the old release does not name, the database must fill in itself.
    expect(after.filter((column) => tables.has(column.table) && !had.has(key(column)) && column.needed)).toEqual([]);
    const stricter = (await uniqueOf(database)).filter((text) => !unique.includes(text));
    expect(stricter.filter((text) => [...tables].some((table) => new RegExp(`\\b${table}\\b`).test(text)))).toEqual([]);
    // The old release starts on it and leaves the newer steps alone.
    expect(await migrate(database, old)).toEqual([]);
  });
});

describe.each((await storesUnderTest("migrate")).filter((store) => store.available))(
  "isthmus migrate on $name",
  (store) => {
    let opened: OpenedStore;
    beforeAll(async () => {
      opened = await store.open();
    });
    afterAll(() => opened.remove());

    async function isthmus(...args: string[]): Promise<{ readonly status: number; readonly said: string }> {
      const { location } = opened;
      const at = "url" in location ? { DATABASE_URL: location.url } : {};
      const dataDir = "dataDir" in location ? location.dataDir : "/nonexistent";
      const child = Bun.spawn([process.execPath, `${ROOT}/src/cli/main.ts`, ...args, "--data-dir", dataDir], {
        env: { PATH: process.env.PATH ?? "", LITELLM_MASTER_KEY: "sk-migrate-0123456789", ...at },
        stdout: "pipe",
        stderr: "pipe",
      });
      const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
      return { status: await child.exited, said: out + err };
    }

    test("of two at once one does it, and both succeed", async () => {
      const both = await Promise.all([isthmus("migrate"), isthmus("migrate")]);
      expect(both.map(({ status }) => status)).toEqual([0, 0]);
      const said = both.map((one) => one.said).toSorted();
      expect(said.filter((text) => text.includes("up to date"))).toHaveLength(1);
      expect(said.filter((text) => text.includes(`applied ${MIGRATIONS[0]?.name}`))).toHaveLength(1);
      const rows = await opened.database.kysely.selectFrom("schema_migration").select("name").execute();
      expect(rows.map(({ name }) => name).toSorted()).toEqual(MIGRATIONS.map(({ name }) => name).toSorted());
    });

    test("a schema whose steps were others is refused by it and by a start, and left alone", async () => {
      const { kysely } = opened.database;
      const name = MIGRATIONS[0]?.name as string;
      await kysely.updateTable("schema_migration").set({ checksum: "other" }).where("name", "=", name).execute();
      for (const command of [["migrate"], ["serve", "--port", "0"]]) {
        const { status, said } = await isthmus(...command);
        expect([command[0], status]).toEqual([command[0], 1]);
        expect(said).toContain(`migration ${name} was applied with other statements than this program has`);
        expect(said).not.toContain("    at ");
      }
    });
  },
);
