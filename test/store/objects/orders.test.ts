import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "kysely";
import { type SeedPlan, seedStore, seedToken } from "../../../scripts/seed/seed-store.ts";
import { recordsAt } from "../../../src/ledger/queries.ts";
import { countRecords } from "../../../src/ledger/record-counts.ts";
import { conditionsOf, type RecordFilter, whereAll } from "../../../src/ledger/record-filter.ts";
import { DAY_MS } from "../../../src/ledger/rollup-statements.ts";
import { verify } from "../../../src/ledger/verify.ts";
import type { Database } from "../../../src/store/database.ts";
import { migrate } from "../../../src/store/migrate.ts";
import { appendAudit } from "../../../src/store/objects/audit-log.ts";
import { keys } from "../../../src/store/objects/keys.ts";
import type { PageQuery } from "../../../src/store/objects/object-table.ts";
import { type OpenedStore, storesUnderTest } from "../databases.ts";

setDefaultTimeout(120_000);

const ROWS = 15_000;
const PLAN: SeedPlan = {
  keys: 12_000,
  rows: ROWS,
  activeKeys: 300,
  users: 50,
  teams: 10,
  organizations: 3,
  days: 5,
  until: Date.UTC(2026, 5, 6, 13, 37),
};

describe.each(await storesUnderTest("orders"))("a seeded $name", (store) => {
  let opened: OpenedStore;
  let database: Database;
  const steps: string[] = [];

  beforeAll(async () => {
    if (!store.available) return;
    opened = await store.open();
    database = opened.database;
    await migrate(database);
    await seedStore(database, PLAN, (what, done, of) => steps.push(`${what} ${done}/${of}`));
  });
  afterAll(() => opened?.remove());

  /** What the audit log is for here: lists are remembered until the next change. */
  const changed = (): Promise<unknown> =>
    appendAudit(database.kysely, {
      id: crypto.randomUUID(),
      updated_at: Date.now(),
      changed_by: "test",
      changed_by_api_key: "test",
      action: "updated",
      table_name: "LiteLLM_VerificationToken",
      object_id: "any",
      before_value: null,
      updated_values: null,
    });

  test.skipIf(!store.available)("has what the plan says, and every sum is the sum of its rows", async () => {
    expect(steps.at(-1)).toBe(`spend rows ${ROWS}/${ROWS}`);
    const verified = await verify(database);
    expect(verified).toMatchObject({ rows: ROWS, waiting: 0, differences: [] });
    const key = await keys.find(database.kysely, seedToken(7));
    expect(key).toMatchObject({ key_alias: "seed-7", user_id: "user-7", team_id: "team-7", organization_id: "org-1" });
    const spenders = await sql<{ n: number }>`
      SELECT count(*) AS n FROM spend WHERE key_hash NOT IN (SELECT token FROM virtual_key)`.execute(database.kysely);
    expect(Number(spenders.rows[0]?.n)).toBe(0);
  });

  /** Every page of a list, one after the other, and some of them again from behind. */
  async function paged(query: Pick<PageQuery, "orderBy" | "descending">, size: number): Promise<string[]> {
    const tokens: string[] = [];
    const page = async (offset: number) =>
      (await keys.page(database.kysely, { where: [], ...query, limit: size, offset })).rows.map((row) => row.token);
    for (let offset = 0; offset < PLAN.keys + size; offset += size) tokens.push(...(await page(offset)));
    for (const offset of [11_990, 10_001, 5_000, 4_999, 0]) {
      expect(await page(offset)).toEqual(tokens.slice(offset, offset + size));
    }
    return tokens;
  }

  test.skipIf(!store.available)("lists keys by every column, page by page, each once", async () => {
    const all = await keys.all(database.kysely);
    for (const column of ["created_at", "updated_at", "token"] as const) {
      for (const descending of [true, false]) {
        await changed();
        const expected = all.toSorted((a, b) => {
          const order = a[column] < b[column] ? -1 : a[column] > b[column] ? 1 : a.token < b.token ? -1 : 1;
          return descending ? -order : order;
        });
        expect(await paged({ orderBy: column, descending }, 997)).toEqual(expected.map((row) => row.token));
      }
    }
  });

  test.skipIf(!store.available)("a page is right after keys before it came and went", async () => {
    const query: PageQuery = { where: [], orderBy: "created_at", descending: true, limit: 10, offset: 8_000 };
    const before = (await keys.page(database.kysely, query)).rows.map((row) => row.token);
    const newest = (await keys.page(database.kysely, { ...query, limit: 3, offset: 0 })).rows;
    await keys.delete(
      database.kysely,
      newest.map((row) => row.token),
    );
    await changed();
    const after = await keys.page(database.kysely, query);
    expect(after.total).toBe(PLAN.keys - 3);
    expect(after.rows.slice(0, 7).map((row) => row.token)).toEqual(before.slice(3));
    for (const row of newest) await keys.insert(database.kysely, row);
    await changed();
    expect((await keys.page(database.kysely, query)).rows.map((row) => row.token)).toEqual(before);
  });

  test.skipIf(!store.available)(
    "lists keys by what they spent, resets and what was carried over included",
    async () => {
      await keys.update(database.kysely, seedToken(0), { spend_offset_nano: -1_000_000_000_000n });
      await keys.update(database.kysely, seedToken(1), { spend_offset_nano: 5_000_000_000_000n });
      await keys.update(database.kysely, seedToken(11_000), { spend_offset_nano: 3n });
      await keys.update(database.kysely, seedToken(11_001), { spend_offset_nano: -3n });
      // A key that gets another token leaves its sums with the old one.
      await keys.update(database.kysely, seedToken(2), { token: "f".repeat(64), spend_offset_nano: 7n });
      const gone = seedToken(3);
      const row = await keys.find(database.kysely, gone);
      await keys.delete(database.kysely, [gone]);
      expect((await verify(database)).differences).toEqual([]);
      const { rows } = await sql<{ token: string; spent: bigint }>`
      SELECT token, spend_offset_nano + coalesce((SELECT cost_nano FROM rollup_total
        WHERE dimension = 'key' AND entity = token), 0) AS spent FROM virtual_key`.execute(database.kysely);
      for (const descending of [true, false]) {
        await changed();
        const expected = rows.toSorted((a, b) => {
          const [left, right] = [BigInt(a.spent), BigInt(b.spent)];
          const order = left < right ? -1 : left > right ? 1 : a.token < b.token ? -1 : 1;
          return descending ? -order : order;
        });
        const pages: string[] = [];
        for (let offset = 0; offset < PLAN.keys; offset += 211) {
          const query: PageQuery = { where: [], orderBy: { spendOf: "key" }, descending, limit: 211, offset };
          pages.push(...(await keys.page(database.kysely, query)).rows.map(({ token }) => token));
        }
        expect(pages).toEqual(expected.map(({ token }) => token));
      }
      if (row !== undefined) await keys.insert(database.kysely, row);
    },
  );

  test.skipIf(!store.available)("counts rows as if one by one, whoever's they are, whenever they began", async () => {
    const last = PLAN.until;
    const first = last - PLAN.days * DAY_MS;
    // Rows that no sum has yet, and one that was replaced.
    await sql`INSERT INTO spend_replaced (${sql.raw(await columns())}) SELECT ${sql.raw(await columns())} FROM spend WHERE id = ${`seed-${PLAN.until}-77`}`.execute(
      database.kysely,
    );
    await sql`DELETE FROM spend WHERE id = ${`seed-${PLAN.until}-77`}`.execute(database.kysely);
    const owners: RecordFilter[] = [
      {},
      { keyHash: seedToken(4) },
      { userId: "user-9" },
      { teamId: "team-3" },
      { organizationId: "org-2" },
      { endUser: "customer-5" },
      { model: "provider/model-1" },
      { keyHash: seedToken(4), status: "failure" },
      { keyHash: "none" },
    ];
    for (const owner of owners) {
      for (const [from, to] of [
        [first, last + 1],
        [first + 3 * 3_600_000 + 5, last - 7],
        [first + DAY_MS, first + DAY_MS + 1_000],
        [first - DAY_MS, first + 2 * DAY_MS],
        [undefined, undefined],
      ]) {
        const filter = { ...owner, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
        const { rows } = await sql<{ n: number }>`
          SELECT count(*) AS n FROM spend ${whereAll(conditionsOf(filter))}`.execute(database.kysely);
        expect([filter, await countRecords(database, filter)]).toEqual([filter, Number(rows[0]?.n)]);
      }
    }
  });

  test.skipIf(!store.available)("pages of rows, near and far, are what the whole list has there", async () => {
    const { rows } = await sql<{ id: string }>`SELECT id FROM spend ORDER BY started_at, seq`.execute(database.kysely);
    const ids = rows.map(({ id }) => id);
    const last = PLAN.until + DAY_MS;
    for (const descending of [true, false]) {
      const all = descending ? ids.toReversed() : ids;
      for (const [offset, limit] of [
        [0, 100],
        [60, 7],
        [ROWS - 30, 50],
        [10_000, 1],
        [10_001, 100],
        [11_111, 3_000],
        [ROWS - 5, 50],
        [ROWS + 5, 50],
      ] as const) {
        for (const filter of [{}, { from: 0, to: last }, { from: PLAN.until - PLAN.days * DAY_MS - 1, to: last - 5 }]) {
          const found = await recordsAt(database, filter, { sortBy: "startTime", descending, limit, offset });
          expect([offset, found.map(({ id }) => id)]).toEqual([offset, all.slice(offset, offset + limit)]);
        }
      }
    }
  });

  /** The columns that `spend` and `spend_replaced` have in common. */
  async function columns(): Promise<string> {
    const row = await database.kysely.selectFrom("spend").selectAll().limit(1).executeTakeFirstOrThrow();
    return Object.keys(row)
      .filter((name) => name !== "seq")
      .join(", ");
  }
});
