import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { sql } from "kysely";
import { dayOfPartition } from "../../src/ledger/postgres/partitions.ts";
import { findRecord, listRecords, spendOfKey } from "../../src/ledger/queries.ts";
import { deleteOldRows } from "../../src/ledger/retention.ts";
import { verify } from "../../src/ledger/verify.ts";
import type { DatabaseLocation } from "../../src/store/database.ts";
import { storesUnderTest } from "../store/databases.ts";
import { ROOT } from "../support/gateway.ts";
import { KEY_HASH, lease, Place, settlement } from "./records.ts";

const stores = await storesUnderTest("recovery");
const DAY = 86_400_000;

/** Runs a program with an open `ledger` in a process of its own, and kills that once the program has said "ready". */
async function dieAfter(place: Place, location: DatabaseLocation, program: string): Promise<void> {
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `import { openDatabase } from "${ROOT}/src/store/database.ts";
       import { openLedger } from "${ROOT}/src/ledger/ledger.ts";
       import { lease, settlement } from "${ROOT}/test/ledger/records.ts";
       const database = openDatabase(${JSON.stringify(location)});
       const ledger = await openLedger({ dataDir: ${JSON.stringify(place.dataDir)}, database });
       ${program}
       console.log("ready");
       setInterval(() => undefined, 1000);`,
    ],
    { cwd: ROOT, stdout: "pipe", stderr: "inherit" },
  );
  let said = "";
  for await (const chunk of child.stdout) {
    said += new TextDecoder().decode(chunk);
    if (said.includes("ready")) break;
  }
  child.kill("SIGKILL");
  await child.exited;
  expect(said).toContain("ready");
}

describe.each(stores.filter((store) => store.available))("recovery on $name", (store) => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.make(store);
  });
  afterEach(() => place.remove());

  test("writes what several dead processes left, each request once", async () => {
    const die = (name: string) =>
      dieAfter(
        place,
        place.location,
        `for (let index = 0; index < 40; index++) ledger.open(lease("${name}" + index));
         for (let index = 0; index < 20; index++) ledger.settle(settlement("${name}" + index));
         ${name === "a" ? "await ledger.flush();" : ""}`,
      );
    await Promise.all([die("a"), die("b"), die("c")]);
    const database = place.database();
    // Two starts at once: one recovers, the other waits. What died first may have been recovered by what died last.
    const [first, second] = await Promise.all([place.ledger(database), place.ledger(database)]);
    expect(first.stats().recovered.owners + second.stats().recovered.owners).toBeGreaterThan(0);
    const records = (await listRecords(database, { limit: 1000 })).records;
    expect(records).toHaveLength(120);
    expect(records.filter((record) => record.status === "interrupted")).toHaveLength(60);
    expect(await spendOfKey(database, KEY_HASH)).toBe(60n * 1234n + 60n * 9000n);
    await first.flush();
    expect(await verify(database)).toMatchObject({ rows: 120, waiting: 0, differences: [] });
    await first.close();
    await second.close();
    expect(readdirSync(place.journal)).toEqual(["recovery.lock"]);
  }, 20_000);

  test("counts what a lease grew to, also after its journal's file was replaced", async () => {
    const program = `ledger.open(lease("grown")); ledger.extend("grown", "12000"); ledger.extend("unknown", "5");`;
    await dieAfter(place, place.location, program);
    const database = place.database();
    const first = await place.ledger(database, { rotateBytes: 400 });
    expect(await findRecord(database, "grown")).toMatchObject({ status: "interrupted", cost: "12000" });
    first.open(lease("moved"));
    first.extend("moved", "15000");
    for (let index = 0; index < 5; index++) first.settle(settlement(`other${index}`));
    await first.flush();
    expect(first.inFlight).toBe(1);
    await first.close();
    const second = await place.ledger(database);
    expect(await findRecord(database, "moved")).toMatchObject({ status: "interrupted", cost: "15000" });
    await second.close();
  }, 20_000);

  test("a final record beats an interrupted one, whether rollups have counted that or not", async () => {
    await dieAfter(place, place.location, `ledger.open(lease("counted")); ledger.open(lease("waiting"));`);
    const database = place.database();
    const ledger = await place.ledger(database);
    expect(await findRecord(database, "counted")).toMatchObject({ status: "interrupted", cost: "9000" });
    await database.kysely.deleteFrom("spend").where("id", "=", "waiting").execute();
    await ledger.flush();
    ledger.settle(settlement("counted"));
    await ledger.flush();
    expect(await findRecord(database, "counted")).toEqual(settlement("counted"));
    expect(await spendOfKey(database, KEY_HASH)).toBe(1234n);
    expect(await verify(database)).toMatchObject({ rows: 1, waiting: 0, differences: [] });
    // The other way round the final one stays.
    ledger.settle(settlement("late", { status: "interrupted", cost: "1" }));
    await ledger.flush();
    const other = await place.ledger(place.database());
    other.settle(settlement("late"));
    await other.flush();
    other.settle(settlement("unrelated"));
    await other.flush();
    expect(await findRecord(database, "late")).toEqual(settlement("late"));
    const third = await place.ledger(place.database());
    third.settle(settlement("late", { status: "interrupted", cost: "77" }));
    await third.flush();
    expect(await findRecord(database, "late")).toEqual(settlement("late"));
    expect(await spendOfKey(database, KEY_HASH)).toBe(3n * 1234n);
    expect((await verify(database)).differences).toEqual([]);
    await Promise.all([ledger.close(), other.close(), third.close()]);
  }, 20_000);

  test("two writers at once lose and double nothing", async () => {
    const database = place.database();
    const [left, right] = await Promise.all([place.ledger(database), place.ledger(place.database())]);
    for (let index = 0; index < 3_000; index++) {
      const ledger = index % 2 === 0 ? left : right;
      const startedAt = 1_760_000_000_000 + (index % 5) * DAY;
      ledger.settle(
        settlement(`r${index}`, {
          startedAt,
          endedAt: startedAt + 10,
          userId: `u${index % 7}`,
          tags: ["a", `t${index % 3}`],
        }),
      );
    }
    await Promise.all([left.flush(), right.flush()]);
    await left.flush();
    expect(await verify(database)).toMatchObject({ rows: 3000, waiting: 0, differences: [] });
    expect(await spendOfKey(database, KEY_HASH)).toBe(3000n * 1234n);
    await Promise.all([left.close(), right.close()]);
  }, 20_000);

  test("keeps names that no index could hold, and text that no database could", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    const long = "\u{1F600}".repeat(10_000);
    for (const suffix of ["a", "b"]) {
      ledger.settle(
        settlement(suffix, {
          endUser: long + suffix,
          modelGroup: long + suffix,
          tags: [long, "nul\0", "half\ud800", "half\ud800"],
          errorMessage: "\0\ud800",
          metadata: { nul: "\0" },
        }),
      );
    }
    await ledger.flush();
    const [first, second] = (await listRecords(database)).records;
    expect(first?.endUser).not.toBe(second?.endUser);
    expect(first?.endUser?.length).toBeLessThan(240);
    expect(first?.tags?.slice(1)).toEqual(["nul\uFFFD", "half\uFFFD"]);
    expect(await verify(database)).toMatchObject({ rows: 2, differences: [] });
    await ledger.close();
  });

  test("deletes whole old days and keeps their counters", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    const now = 1_760_000_000_000;
    for (let day = 0; day < 10; day++) {
      const startedAt = now - day * DAY;
      ledger.settle(settlement(`d${day}`, { startedAt, endedAt: startedAt }));
    }
    await ledger.flush();
    const daysKept = async (): Promise<readonly number[]> => {
      const { rows } = await sql<{ name: string }>`SELECT relname AS name FROM pg_inherits
        JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'spend'::regclass`.execute(database.kysely);
      return rows.map(({ name }) => dayOfPartition(name) ?? 0).toSorted();
    };
    const days = database.dialect === "postgres" ? await daysKept() : [];
    expect(await deleteOldRows(database, 3 * DAY, now)).toBe(6);
    // The partitions of those days are gone, and no other.
    if (database.dialect === "postgres")
      expect(await daysKept()).toEqual(days.filter((day) => day >= now - (now % DAY) - 3 * DAY));
    expect(await deleteOldRows(database, 3 * DAY, now)).toBe(0);
    expect((await listRecords(database)).records.map((record) => record.id)).toEqual(["d0", "d1", "d2", "d3"]);
    expect(await spendOfKey(database, KEY_HASH)).toBe(12_340n);
    expect(await verify(database)).toMatchObject({ rows: 4, differences: [] });
    // A row of a deleted day may still come, from a journal that was away.
    ledger.settle(settlement("late", { startedAt: now - 9 * DAY, endedAt: now }));
    await ledger.flush();
    expect(await findRecord(database, "late")).toBeDefined();
    expect((await verify(database)).differences).toEqual([]);
    expect(await deleteOldRows(database, 3 * DAY, now)).toBe(1);
    await ledger.close();
  });

  test("verify says which counter is wrong, and by how much", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    ledger.settle(settlement("a"));
    await ledger.flush();
    await database.kysely
      .updateTable("rollup_day")
      .set({ cost_nano: 1235n })
      .where("dimension", "=", "model")
      .execute();
    const { differences } = await verify(database);
    expect(differences.map(({ table, excess }) => [table, excess])).toEqual([
      ["rollup_day", { cost_nano: 1n }],
      ["rollup_total", { cost_nano: -1n }],
    ]);
    expect(differences[0]?.key).toContain("dimension=model");
    await ledger.close();
  });
});
