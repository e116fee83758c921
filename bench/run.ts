/**
 * npm run bench: what Isthmus costs beside a proxy that does nothing, in one run.
 *
 *   npm run bench                          all, about seven minutes; writes bench/results.md
 *   npm run bench -- --quick               shorter, and writes nothing
 *   npm run bench -- --only calls,streams  of calls, streams, memory, start; writes nothing
 *   npm run bench -- --noise               the floor a second time: how much the ratios vary by themselves
 *
 * Linux only: CPU time and memory are read from /proc. Uses nginx and wrk where they are installed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { temporaryFolder } from "../scripts/services/service.ts";
import { loadGenerator } from "./load.ts";
import {
  type Effort,
  measureCalls,
  measureMemory,
  measureStarts,
  measureStreams,
  type Subject,
} from "./measurements.ts";
import { FLOOR, failuresOf, renderResults } from "./report.ts";
import { writePart } from "./results-file.ts";
import { pinSelf } from "./targets.ts";

const FULL: Effort = {
  rounds: 5,
  callSeconds: 4,
  streamFrames: 150,
  holdSeconds: 20,
  settleSeconds: 10,
  starts: 7,
};
const QUICK: Effort = { rounds: 2, callSeconds: 2, streamFrames: 75, holdSeconds: 8, settleSeconds: 2, starts: 3 };
const PARTS = ["calls", "streams", "memory", "start"];

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    noise: { type: "boolean", default: false },
  },
});
const parts = values.only?.split(",") ?? PARTS;
const unknown = parts.find((part) => !PARTS.includes(part));
if (unknown !== undefined) throw new Error(`--only takes ${PARTS.join(", ")}, not '${unknown}'`);
if (!existsSync("/proc/self/stat")) throw new Error("the benchmark reads CPU time from /proc, which this system lacks");

const effort = values.quick ? QUICK : FULL;
const floor: Subject = { name: FLOOR, kind: "floor" };
const subjects: Subject[] = [
  ...(Bun.which("nginx") === null ? [] : [{ name: "nginx", kind: "nginx" } as const]),
  floor,
  ...(values.noise ? [{ name: "floor again", kind: "floor" } as const] : []),
  { name: "Isthmus", kind: "isthmus" },
];
const GOVERNED: Subject = { name: "Isthmus, governed", kind: "governed" };
/** Whole answers are measured with everything that governs a request, and from the cache. */
const called: Subject[] = [
  ...subjects,
  GOVERNED,
  { name: "Isthmus, governed, Redis", kind: "governed-redis" },
  { name: "Isthmus, cache hit", kind: "cache-hit" },
];
const streamed: Subject[] = [...subjects, GOVERNED];
const executable: Subject[] = existsSync(join(import.meta.dir, "../dist/isthmus"))
  ? [{ name: "Isthmus, one executable", kind: "executable" }]
  : [];

pinSelf();
const folder = temporaryFolder("bench");
try {
  const measure = <T>(part: string, run: () => Promise<T>): Promise<T> | undefined => {
    if (!parts.includes(part)) return undefined;
    console.error(`measuring ${part} …`);
    return run();
  };
  const calls = await measure("calls", () => measureCalls(called, effort, folder.path));
  const streams = await measure("streams", () => measureStreams(streamed, effort, folder.path));
  const memory = await measure("memory", () => measureMemory(subjects, effort, folder.path));
  const starts = await measure("start", () => measureStarts([...subjects, ...executable], effort, folder.path));
  const results = {
    ...(calls && { calls }),
    ...(streams && { streams }),
    ...(memory && { memory }),
    ...(starts && { starts }),
  };
  const tables = renderResults(results);
  console.log(`\n${tables}`);
  for (const [name, rounds] of calls ?? []) console.log(`${name}: ${JSON.stringify(rounds.at(-1)?.many)}`);
  for (const [name, rounds] of streams ?? []) console.log(`${name}: ${JSON.stringify(rounds.at(-1))}`);
  const failures = failuresOf(results);
  if (failures > 0) {
    console.error(`${failures} requests failed: these figures mean nothing`);
    process.exitCode = 1;
  } else if (!values.quick && values.only === undefined) {
    writePart("bench", `${preface()}\n${tables}`);
  }
} finally {
  folder.remove();
}

function preface(): string {
  return `# What Isthmus costs

Written by \`npm run bench\` on Bun ${Bun.version}; load from ${loadGenerator}. Everything was measured in one run, on one core of its own, in
turns, with the upstream and the load on another core. Where no unit stands, a figure is a multiple of the **floor**: a proxy on the same
runtime that checks a key, parses the request once, forwards it, reads the usage, and does nothing else
([bench/floor.ts](floor.ts)). Isthmus runs with all that it does for every request: key, configuration, prices, the
journal on disk, the database. *Governed* is asked with a virtual key that has a budget, requests and tokens per minute, all
counted for each request, the row on SQLite; *Redis* counts them in Redis as well; a *cache hit* is a governed answer from
memory. nginx forwards without looking. Each figure is the median of ${effort.rounds} rounds.

Machines differ and are noisy: compare figures of one run only. \`npm run bench -- --noise\` measures the floor twice.
`;
}
