import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { asObject, type JsonObject, parseJson } from "../../src/json/json.ts";
import { EXCEPTIONS, type Exception, NOT_DRIVEN } from "./exceptions.ts";
import { readAnswer } from "./read-answer.ts";
import { EXCHANGES, recordings } from "./recordings.ts";
import { type Result, runAll } from "./run-all.ts";

const COUNTS = `${import.meta.dir}/replayed.json`;
const all = recordings();
if (all === undefined) console.log(`conformance: skipped, no recorded exchanges in ${EXCHANGES}`);

const driven = (all ?? []).filter((recording) => !NOT_DRIVEN.some(({ when }) => when(recording)));
const results = new Map<string, Result[]>();
const excused = new Set<string>();

/** The findings that no exception excuses. */
function unexcused({ recording, via, findings }: Result): string[] {
  return findings
    .filter(({ what }) => {
      const fitting = EXCEPTIONS.filter((exception) => fits(exception, recording.id, via, what));
      for (const { reason } of fitting) excused.add(reason);
      return fitting.length === 0;
    })
    .map(({ what, detail }) => `${what}: ${detail}`);
}

function fits(exception: Exception, id: string, via: string, what: string): boolean {
  return exception.cases.test(id) && exception.what.test(what) && exception.via?.test(via) !== false;
}

/** Provider → what of it was replayed without fault: whole answers, streams, answers with tool calls, errors, native bodies. */
function counted(): JsonObject {
  const counts: Record<string, Record<string, number>> = {};
  for (const recording of driven) {
    const own = results.get(recording.id) ?? [];
    if (own.length === 0 || own.some((result) => unexcused(result).length > 0)) continue;
    const { provider, status, streamed, wire, documents } = recording;
    const kinds = [status >= 400 ? "error" : streamed ? "stream" : "chat"];
    if (status < 400 && readAnswer(wire, documents).calls.length > 0) kinds.push("tools");
    if (own.some(({ via }) => via === "native")) kinds.push("native");
    const row = counts[provider] ?? {};
    for (const kind of kinds) row[kind] = (row[kind] ?? 0) + 1;
    counts[provider] = row;
  }
  const sorted = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  const order = ["chat", "stream", "tools", "error", "native"];
  return Object.fromEntries(
    sorted.map(([provider, row]) => [
      provider,
      Object.fromEntries(order.flatMap((kind) => (row[kind] === undefined ? [] : [[kind, row[kind]]]))),
    ]),
  );
}

describe.skipIf(all === undefined)("recorded conversations", () => {
  beforeAll(async () => {
    for (const result of await runAll(driven)) {
      const { id } = result.recording;
      results.set(id, [...(results.get(id) ?? []), result]);
    }
  }, 60_000);

  for (const { id } of driven) {
    test(id, () => {
      const own = results.get(id) ?? [];
      expect(own.length).toBeGreaterThan(0);
      const findings = own.flatMap((result) => unexcused(result).map((finding) => `${result.via} ${finding}`));
      expect(findings).toEqual([]);
    });
  }

  test("every exception is needed", () => {
    for (const result of [...results.values()].flat()) unexcused(result);
    expect(EXCEPTIONS.map(({ reason }) => reason).filter((reason) => !excused.has(reason))).toEqual([]);
    const unused = NOT_DRIVEN.filter(({ when }) => !(all ?? []).some(when));
    expect(unused.map(({ reason }) => reason)).toEqual([]);
  });

  test("the counts in the repository are those of this run", async () => {
    const found = counted();
    if (process.env.UPDATE_REPLAYED === "1") await Bun.write(COUNTS, `${JSON.stringify(found, undefined, 2)}\n`);
    expect(found).toEqual(asObject(parseJson(await Bun.file(COUNTS).text())) ?? {});
  });

  afterAll(() => results.clear());
});
