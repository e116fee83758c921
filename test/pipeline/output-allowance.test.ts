import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Admission, Lease } from "../../src/admission/admission.ts";
import { MemoryCounters } from "../../src/admission/memory-counters.ts";
import type { Scope } from "../../src/admission/scope.ts";
import { Log } from "../../src/events/log.ts";
import { dearest } from "../../src/pipeline/bounds.ts";
import { OutputAllowance } from "../../src/pipeline/output-allowance.ts";
import { priceSheet } from "../../src/pricing/price-sheet.ts";

const prices = [priceSheet({ name: "m", overrides: { input_cost_per_token: 1e-9, output_cost_per_token: 7e-9 } })];
const log = new Log({ level: "error", write: (text) => process.stderr.write(text) });

function scope(maxBudget: bigint): Scope {
  return {
    id: "key:k",
    descriptor: "api_key",
    value: "k",
    source: { dimension: "key", entities: ["k"] },
    offset: 0n,
    limits: { maxBudget },
    refusesWhen: "at",
    exceeded: () => "over",
  };
}

/** One stream as the pipeline drives it: pieces come until the allowance ends it. Returns what the provider bills. */
async function stream(
  admission: Admission,
  id: string,
  key: Scope,
  bounds: { inputTokens: number; outputTokens: number },
  pieces: readonly number[],
  bytesPerToken: number,
  options: { record: boolean; most?: number },
): Promise<{ billed: bigint; ended: boolean } | undefined> {
  const reserved = { prices, bounds: { ...bounds, outputAsked: false, choices: 1 }, most: options.most };
  const amount = dearest(prices, reserved.bounds);
  const lease = await admission.take({ id, scopes: [key], amount, free: false, tokens: 0 });
  if (!(lease instanceof Lease)) return undefined;
  const allowance = new OutputAllowance({
    reserved,
    extend: (more) => lease.extend(more),
    record: options.record,
    // The test's model writes one token per so many characters.
    count: async (sent) => Math.ceil(sent.length / bytesPerToken),
  });
  let written = 0;
  let ended = false;
  for (const piece of pieces) {
    await Promise.resolve();
    const text = "x".repeat(piece);
    written += piece;
    if (allowance.recording) allowance.record(text);
    const output = { textBytes: written, textLength: written };
    if (written < allowance.watchAt) continue;
    if (!allowance.recording) allowance.record(text);
    if (await allowance.more(output)) continue;
    ended = true;
    break;
  }
  const billed = dearest(prices, { ...reserved.bounds, outputTokens: Math.ceil(written / bytesPerToken) });
  expect(billed).toBeLessThanOrEqual(lease.amount);
  lease.settle(billed, 0);
  return { billed, ended };
}

describe("a stream without max_tokens", () => {
  test("never passes a budget, whatever streams come at the same time", async () => {
    const streams = fc.array(
      fc.record({
        input: fc.integer({ min: 1, max: 2_000 }),
        estimate: fc.integer({ min: 300, max: 5_000 }),
        pieces: fc.array(fc.integer({ min: 1, max: 250 }), { maxLength: 200, size: "max" }),
        bytesPerToken: fc.integer({ min: 1, max: 6 }),
        record: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12, size: "max" },
    );
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: 200_000n }), streams, async (budget, all) => {
        const counters = new MemoryCounters(async () => 0n);
        const admission = new Admission(counters, log);
        const key = scope(budget);
        const ends = await Promise.all(
          all.map((one, index) =>
            stream(
              admission,
              String(index),
              key,
              { inputTokens: one.input, outputTokens: one.estimate },
              one.pieces,
              one.bytesPerToken,
              { record: one.record },
            ),
          ),
        );
        const spent = ends.reduce((sum, end) => sum + (end?.billed ?? 0n), 0n);
        expect(spent).toBeLessThanOrEqual(budget);
        expect(await counters.spentBy(key)).toBe(spent);
        expect(counters.open).toBe(0);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test("uses the budget up to a piece when what was sent is counted", async () => {
    const admission = new Admission(new MemoryCounters(async () => 0n), log);
    const bounds = { inputTokens: 0, outputTokens: 1_000 };
    const pieces = Array.from({ length: 4_000 }, () => 40);
    const end = await stream(admission, "a", scope(7n * 10_000n), bounds, pieces, 4, { record: true });
    expect(end?.ended).toBe(true);
    // Fifteen per cent are the margin of the count.
    expect(Number(end?.billed) / 70_000).toBeGreaterThan(0.82);
  });

  test("goes on to its end where there is money, and asks for nothing more than the model can write", async () => {
    const admission = new Admission(new MemoryCounters(async () => 0n), log);
    const pieces = Array.from({ length: 500 }, () => 40);
    const rich = scope(10n ** 12n);
    const bounds = { inputTokens: 0, outputTokens: 1_000 };
    expect(await stream(admission, "a", rich, bounds, pieces, 4, { record: false })).toMatchObject({ ended: false });
    const other = new Admission(new MemoryCounters(async () => 0n), log);
    const capped = await stream(other, "b", scope(7n * 2_000n), bounds, pieces.slice(0, 50), 1, {
      record: false,
      most: 2_000,
    });
    expect(capped).toMatchObject({ ended: false, billed: 14_000n });
  });
});
