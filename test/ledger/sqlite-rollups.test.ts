import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import type { SpendRecord } from "../../src/ledger/record.ts";
import { RecentSums } from "../../src/ledger/sqlite/recent-sums.ts";
import { SqliteSpendSink } from "../../src/ledger/sqlite/sqlite-spend-sink.ts";
import { verify } from "../../src/ledger/verify.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { settlement } from "./records.ts";

const directory = mkdtempSync(join(tmpdir(), "isthmus-rollups-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const HOUR = 3_600_000;

const name = fc.constantFrom("a", "b", 'quo"te', "\u{1F600}");

const record = fc
  .record({
    id: fc.integer({ min: 0, max: 40 }).map(String),
    status: fc.constantFrom("success", "failure", "cancelled", "interrupted" as const),
    startedAt: fc.integer({ min: 0, max: 3 * HOUR }),
    took: fc.integer({ min: -1000, max: 100_000 }),
    cost: fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String),
    keyHash: name,
    teamId: fc.option(name, { nil: undefined }),
    endUser: fc.option(name, { nil: undefined }),
    tags: fc.option(fc.array(name, { maxLength: 3 }), { nil: undefined }),
    model: name,
    cacheHit: fc.constantFrom(true, false, undefined),
    estimated: fc.constantFrom(true, undefined),
    buckets: fc.record({ input: fc.nat(9), cache_read: fc.nat(9), cache_write_5m: fc.nat(9) }),
    promptTokens: fc.nat(1000),
    completionTokens: fc.nat(1000),
  })
  .map(
    ({ id, took, ...more }): SpendRecord =>
      settlement(id, {
        ...more,
        endedAt: more.startedAt + took,
        totalTokens: more.promptTokens + more.completionTokens,
      }),
  );

/** What one of two processes does. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ sink: fc.constantFrom(0, 1), write: fc.array(record, { maxLength: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ sink: fc.constantFrom(0, 1), write: fc.constant(undefined) }) },
);

test("rollups are the sums of their rows, whoever wrote the rows and added them up", async () => {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, alone) => {
      const path = join(directory, `${count++}.db`);
      const database = openDatabase({ url: `file://${path}` });
      await migrate(database);
      const sinks = [new SqliteSpendSink(path), new SqliteSpendSink(path)] as const;
      for (const { sink: which, write } of steps) {
        const sink = sinks[alone ? 0 : which] as SqliteSpendSink;
        if (write === undefined) while (sink.rollUp());
        else if (write.length > 0) expect(sink.write(write, 0)).toMatchObject({ done: write.length, refused: [] });
      }
      while (sinks[0].rollUp());
      expect(await verify(database)).toMatchObject({ waiting: 0, differences: [] });
      for (const sink of sinks) sink.close();
      await database.close();
    }),
    { numRuns: 30 },
  );
});

test("sums are used when every row is known, and only then", () => {
  const sums = new RecentSums();
  expect(sums.covers(0n, 0n)).toBe(false);
  sums.begin(7n);
  expect(sums.covers(7n, 7n)).toBe(true);
  expect(sums.covers(7n, 8n)).toBe(false);
  expect(sums.covers(6n, 7n)).toBe(false);
});
