import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { migrate } from "../../src/store/migrate.ts";
import { MIGRATIONS } from "../../src/store/migrations/all.ts";
import type { Migration } from "../../src/store/migrations/migration.ts";
import { ROOT } from "../support/gateway.ts";
import { type OpenedStore, storesUnderTest } from "./databases.ts";

const stores = await storesUnderTest("database");

const step = (name: string, statement: string): Migration => ({
  name,
  statements: { sqlite: [statement], postgres: [statement] },
});

for (const { name, available, open } of stores) {
  describe.skipIf(!available)(`on ${name}`, () => {
    let store: OpenedStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.remove());

    test("applies every step once", async () => {
      expect(await migrate(store.database)).toEqual(MIGRATIONS.map((migration) => migration.name));
      expect(await migrate(store.database)).toEqual([]);
      expect(await store.database.kysely.selectFrom("spend").selectAll().execute()).toEqual([]);
    });

    test("lets one of several processes do the work", async () => {
      const program = `
        import { openDatabase } from "${ROOT}/src/store/database.ts";
        import { migrate } from "${ROOT}/src/store/migrate.ts";
        const database = openDatabase(${JSON.stringify(store.location)});
        console.log((await migrate(database)).length);
        await database.close();`;
      const run = async () => {
        const child = Bun.spawn([process.execPath, "-e", program], { cwd: ROOT, stdout: "pipe", stderr: "inherit" });
        return Number(await new Response(child.stdout).text());
      };
      const applied = await Promise.all([run(), run(), run()]);
      expect(applied.toSorted()).toEqual([0, 0, MIGRATIONS.length]);
    });

    test("refuses a step that was changed after it had been applied, and leaves newer steps alone", async () => {
      await migrate(store.database, [
        step("0001-a", "CREATE TABLE a (x TEXT)"),
        step("0002-b", "CREATE TABLE b (x TEXT)"),
      ]);
      await expect(migrate(store.database, [step("0001-a", "CREATE TABLE a (y TEXT)")])).rejects.toThrow(
        "migration 0001-a was applied with other statements",
      );
      expect(await migrate(store.database, [step("0001-a", "CREATE TABLE a (x TEXT)")])).toEqual([]);
    });

    test("applies nothing of a release whose last step fails", async () => {
      const broken = [step("0001-a", "CREATE TABLE a (x TEXT)"), step("0002-b", "CREATE NONSENSE")];
      await expect(migrate(store.database, broken)).rejects.toThrow();
      expect(await migrate(store.database, broken.slice(0, 1))).toEqual(["0001-a"]);
    });

    test("reads money as bigint, sums and counts too, and every other integer as a number", async () => {
      await migrate(store.database);
      const { kysely } = store.database;
      const big = 9_007_199_254_740_993n;
      await kysely.insertInto("watermark").values({ consumer: "x", seq: 12 }).execute();
      const { rows } = await sql`SELECT ${sql.lit("9007199254740993")} AS text, sum(seq) AS total, count(*) AS n,
        CAST(${big} AS ${sql.raw(name === "sqlite" ? "INTEGER" : "BIGINT")}) AS big_nano FROM watermark`.execute(
        kysely,
      );
      expect(rows).toEqual([{ text: String(big), total: 12, n: 2, big_nano: big }]);
      await expect(
        sql`SELECT CAST(${big} AS ${sql.raw(name === "sqlite" ? "INTEGER" : "BIGINT")}) AS big`.execute(kysely),
      ).rejects.toThrow("big is 9007199254740993, which a number cannot hold");
    });

    test("rolls a transaction back whole, and to a savepoint", async () => {
      await migrate(store.database);
      const { kysely } = store.database;
      await expect(
        kysely.transaction().execute(async (transaction) => {
          await transaction.insertInto("watermark").values({ consumer: "y", seq: 1 }).execute();
          throw new Error("no");
        }),
      ).rejects.toThrow("no");
      const found = () => kysely.selectFrom("watermark").select("consumer").orderBy("consumer").execute();
      expect(await found()).toEqual([{ consumer: "rollup" }]);
      const controlled = await kysely.startTransaction().execute();
      await controlled.insertInto("watermark").values({ consumer: "y", seq: 1 }).execute();
      const inner = await controlled.savepoint("inner").execute();
      await inner.insertInto("watermark").values({ consumer: "z", seq: 1 }).execute();
      await inner.rollbackToSavepoint("inner").execute();
      await controlled.commit().execute();
      expect(await found()).toEqual([{ consumer: "rollup" }, { consumer: "y" }]);
    });

    test("says how many rows were changed", async () => {
      await migrate(store.database);
      const { kysely } = store.database;
      const changed = await kysely.updateTable("watermark").set({ seq: 5 }).executeTakeFirst();
      expect(changed.numUpdatedRows).toBe(1n);
      const deleted = await kysely.deleteFrom("watermark").where("consumer", "=", "nobody").executeTakeFirst();
      expect(deleted.numDeletedRows).toBe(0n);
    });
  });
}
