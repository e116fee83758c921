import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { verify } from "../../src/ledger/verify.ts";
import type { Database } from "../../src/store/database.ts";
import { storesUnderTest } from "../store/databases.ts";
import { Place, settlement } from "./records.ts";

const stores = await storesUnderTest("rollups_again");
const HOUR = 3_600_000;
const TABLES = ["rollup_hour", "rollup_day", "rollup_total", "spend_rank", "watermark"] as const;
type State = ReadonlyMap<(typeof TABLES)[number], readonly Record<string, unknown>[]>;

/** All that rollups wrote: their tables and how far they came. */
async function stateOf({ kysely }: Database): Promise<State> {
  const state = new Map<(typeof TABLES)[number], readonly Record<string, unknown>[]>();
  for (const table of TABLES) {
    const { rows } = await sql<Record<string, unknown>>`SELECT * FROM ${sql.table(table)}`.execute(kysely);
    state.set(
      table,
      rows.map((row) => ({ ...row })).sort((a, b) => (comparable(a) < comparable(b) ? -1 : 1)),
    );
  }
  return state;
}

const comparable = (row: object): string =>
  JSON.stringify(Object.entries(row).sort(), (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));

async function restore({ kysely }: Database, state: State | undefined): Promise<void> {
  await kysely.transaction().execute(async (transaction) => {
    for (const table of TABLES) {
      if (table === "watermark") continue;
      await sql`DELETE FROM ${sql.table(table)}`.execute(transaction);
      for (const row of state?.get(table) ?? []) {
        await transaction
          .insertInto(table)
          .values(row as never)
          .execute();
      }
    }
    const seq = (state?.get("watermark") ?? []).find(({ consumer }) => consumer === "rollup")?.seq ?? 0;
    await transaction
      .updateTable("watermark")
      .set({ seq: seq as number })
      .where("consumer", "=", "rollup")
      .execute();
  });
}

describe.each(stores.filter((store) => store.available))("rollups on $name", (store) => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.make(store);
  });
  afterEach(() => place.remove());

  const settle = async (database: Database, name: string, count: number): Promise<void> => {
    const ledger = await place.ledger(database);
    for (let index = 0; index < count; index++) {
      const status = (["success", "failure", "cancelled"] as const)[index % 3] ?? "success";
      ledger.settle(
        settlement(`${name}${index}`, {
          status,
          startedAt: 1_760_000_000_000 + Math.floor((index * HOUR) / 7),
          cost: String(index * 1_001),
          keyHash: `key-${index % 5}`,
          ...(index % 2 === 0 ? { userId: `user-${index % 4}`, tags: ["one", `tag-${index % 3}`] } : {}),
          ...(index % 3 === 0 ? { teamId: `team-${index % 2}`, endUser: "somebody" } : {}),
        }),
      );
    }
    await ledger.flush();
    await ledger.close();
  };

  test("run again from an earlier watermark, or from the beginning, they come to the same", async () => {
    const database = place.database();
    await settle(database, "a", 300);
    const before = await stateOf(database);
    await settle(database, "b", 300);
    const after = await stateOf(database);
    expect(after).not.toEqual(before);

    // As a backup of the counters that is older than the rows would leave it.
    await restore(database, before);
    expect(await verify(database)).toMatchObject({ rows: 300, waiting: 300, differences: [] });
    await settle(database, "none", 0);
    expect(await stateOf(database)).toEqual(after);

    await restore(database, undefined);
    expect(await verify(database)).toMatchObject({ rows: 0, waiting: 600, differences: [] });
    await settle(database, "none", 0);
    expect(await stateOf(database)).toEqual(after);

    // Nothing is behind the watermark: again changes nothing.
    await settle(database, "none", 0);
    expect(await stateOf(database)).toEqual(after);
    expect(await verify(database)).toMatchObject({ rows: 600, waiting: 0, differences: [] });
  }, 60_000);
});
