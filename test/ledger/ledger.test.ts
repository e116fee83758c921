import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import { findRecord, listRecords, spendOfKey } from "../../src/ledger/queries.ts";
import { verify } from "../../src/ledger/verify.ts";
import { storesUnderTest } from "../store/databases.ts";
import { KEY_HASH, lease, Place, settlement } from "./records.ts";

const stores = await storesUnderTest("ledger");

describe.each(stores.filter((store) => store.available))("a ledger on $name", (store) => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.make(store);
  });
  afterEach(() => place.remove());

  const journalFiles = () => readdirSync(place.journal).filter((name) => name.endsWith(".journal"));

  test("keeps every member of a record", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    const record = settlement("a", {
      status: "failure",
      firstContentAt: 1_760_000_000_100,
      cost: "9223372036854775807",
      estimated: true,
      cacheHit: false,
      stream: true,
      keyAlias: "alias",
      userId: "user",
      teamId: "team",
      organizationId: "organization",
      endUser: "customer",
      tags: ["one", "zwei \u{1F600}", 'quo"te'],
      buckets: {
        input: 1,
        cache_read: 2,
        cache_read_audio: 3,
        cache_write_5m: 4,
        cache_write_1h: 5,
        input_seconds: 1.5,
      },
      errorCode: "rate_limit",
      errorMessage: "too\nmany",
      sessionId: "session",
      requesterIp: "10.0.0.1",
      metadata: { nested: { list: [1, null, "x"] } },
    });
    ledger.open(lease("a"));
    expect(ledger.inFlight).toBe(1);
    ledger.settle(record);
    expect(ledger.inFlight).toBe(0);
    await ledger.flush();
    expect(await findRecord(database, "a")).toEqual(record);
    expect(await findRecord(database, "b")).toBeUndefined();
    expect(await verify(database)).toMatchObject({ rows: 1, waiting: 0, differences: [] });
    await ledger.close();
  });

  test("shows a row within a second without being asked", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    ledger.settle(settlement("a"));
    await new Promise((resolve) => setTimeout(resolve, 900));
    expect(await findRecord(database, "a")).toEqual(settlement("a"));
    await ledger.close();
  });

  test("writes lease and settlement to the file before it returns", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    const text = () =>
      journalFiles()
        .map((name) => readFileSync(join(place.journal, name), "utf8"))
        .join("");
    ledger.open(lease("a"));
    expect(text()).toContain(JSON.stringify(lease("a")));
    ledger.settle(settlement("a"));
    expect(text()).toContain(JSON.stringify(settlement("a")));
    await ledger.close();
  });

  test("logs a second settlement and keeps the first", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    ledger.open(lease("a"));
    ledger.settle(settlement("a"));
    ledger.settle(settlement("a", { cost: "5" }));
    await ledger.flush();
    ledger.settle(settlement("a", { cost: "6" }));
    await ledger.flush();
    expect((await findRecord(database, "a"))?.cost).toBe("1234");
    expect(ledger.stats().duplicates).toBe(2);
    expect(place.logged()).toContain("settled twice");
    expect(await spendOfKey(database, KEY_HASH)).toBe(1234n);
    await ledger.close();
  });

  test("leaves no journal behind when everything is settled", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    for (let index = 0; index < 10; index++) {
      ledger.open(lease(`r${index}`));
      ledger.settle(settlement(`r${index}`));
    }
    await ledger.close();
    expect(readdirSync(place.journal)).toEqual(["recovery.lock"]);
  });

  test("deletes full journal files and carries open leases on", async () => {
    const database = place.database();
    const ledger = await place.ledger(database, { rotateBytes: 4_000 });
    ledger.open(lease("long"));
    for (let index = 0; index < 100; index++) {
      ledger.open(lease(`r${index}`));
      ledger.settle(settlement(`r${index}`));
    }
    expect(journalFiles().length).toBeGreaterThan(10);
    await ledger.flush();
    expect(journalFiles().length).toBeLessThanOrEqual(2);
    expect(ledger.stats().inFlight).toBe(1);
    await ledger.close();
    const next = await place.ledger(database);
    expect(next.stats().recovered).toMatchObject({ owners: 1, interrupted: 1, corruptLines: 0 });
    expect(await findRecord(database, "long")).toMatchObject({ status: "interrupted", cost: "9000", estimated: true });
    await next.close();
  });

  test("refuses calls once it is closed", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    await ledger.close();
    expect(() => ledger.open(lease("a"))).toThrow(GatewayError);
  });

  test("sets a record aside that the database will never take, and goes on", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    ledger.settle(settlement("a"));
    ledger.settle(settlement("bad", { cost: "1.5" }));
    ledger.settle(settlement("worse", { promptTokens: Number.NaN }));
    ledger.settle(settlement("b"));
    await ledger.flush();
    expect((await listRecords(database)).records.map((record) => record.id).sort()).toEqual(["a", "b"]);
    expect(ledger.stats().refused).toBe(2);
    expect(readFileSync(join(place.journal, "refused.jsonl"), "utf8").split("\n")).toHaveLength(3);
    await ledger.close();
  });

  test("lists a million-year-old and a future record in order of their start", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    for (const startedAt of [50, 10, 40, 20, 30, 30, 30]) {
      ledger.settle(settlement(Bun.randomUUIDv7(), { startedAt, endedAt: startedAt - 5 }));
    }
    await ledger.flush();
    const starts: number[] = [];
    let after: string | undefined;
    do {
      const page = await listRecords(database, { limit: 2, ...(after === undefined ? {} : { after }) });
      starts.push(...page.records.map((record) => record.startedAt));
      after = page.next;
    } while (after !== undefined);
    expect(starts).toEqual([50, 40, 30, 30, 30, 20, 10]);
    expect((await listRecords(database, { from: 20, to: 40 })).records).toHaveLength(4);
    expect(await verify(database)).toMatchObject({ rows: 7, differences: [] });
    await ledger.close();
  });

  test("keeps spend exact before and after the rollups", async () => {
    const database = place.database();
    const ledger = await place.ledger(database);
    ledger.settle(settlement("a", { cost: "5000000000000000000" }));
    ledger.settle(settlement("b", { cost: "1" }));
    ledger.settle(settlement("c", { cost: "7", keyHash: "other" }));
    await ledger.flush();
    expect(await spendOfKey(database, KEY_HASH)).toBe(5_000_000_000_000_000_001n);
    expect(await spendOfKey(database, "other")).toBe(7n);
    expect(await spendOfKey(database, "none")).toBe(0n);
    await ledger.close();
    expect(existsSync(join(place.journal, "refused.jsonl"))).toBe(false);
  });
});
