import type { CallRound, StreamRound } from "./load.ts";
import {
  type CallRounds,
  CPU_STREAMS,
  DIRECT,
  MANY_CONNECTIONS,
  MEMORY_STREAMS,
  type MemoryRound,
  type Rounds,
} from "./measurements.ts";
import { median } from "./statistics.ts";

export const FLOOR = "floor";

export interface Results {
  readonly calls?: Rounds<CallRounds>;
  readonly streams?: Rounds<StreamRound>;
  readonly memory?: Rounds<MemoryRound>;
  readonly starts?: Rounds<number>;
}

/** The tables in Markdown. */
export function renderResults(results: Results): string {
  return [
    results.calls && callTable(results.calls),
    results.streams && streamTable(results.streams),
    results.memory && memoryTable(results.memory),
    results.starts && startTable(results.starts),
  ]
    .filter((section) => section !== undefined)
    .join("\n");
}

/** How many requests or streams did not end well; above 0 the figures mean nothing. */
export function failuresOf(results: Results): number {
  const calls = [...(results.calls?.values() ?? [])].flat().map(({ one, many }) => one.failures + many.failures);
  const streams = [...(results.streams?.values() ?? [])].flat().map(({ failures }) => failures);
  const memory = [...(results.memory?.values() ?? [])].flat().map(({ failures }) => failures);
  return [...calls, ...streams, ...memory].reduce((sum, failures) => sum + failures, 0);
}

function callTable(rounds: Rounds<CallRounds>): string {
  const many = (key: keyof CallRound) => ratios(rounds, (round) => round.many[key]);
  const cpu = many("cpuMicrosecondsPerRequest");
  const rate = many("requestsPerSecond");
  const added = (size: "one" | "many", key: "p50Microseconds" | "p99Microseconds") =>
    ratios(rounds, (round, index) => round[size][key] - (rounds.get(DIRECT)?.[index]?.[size][key] ?? 0));
  const columns = [
    cpu,
    rate,
    added("one", "p50Microseconds"),
    added("one", "p99Microseconds"),
    added("many", "p50Microseconds"),
    added("many", "p99Microseconds"),
  ];
  const names = [...rounds.keys()].filter((name) => name !== DIRECT);
  return table(
    "Whole answers",
    `CPU time and rate at ${MANY_CONNECTIONS} connections; latency is what is added to that of the upstream itself.`,
    [
      "CPU per request",
      "requests/s",
      "p50 at 1",
      "p99 at 1",
      `p50 at ${MANY_CONNECTIONS}`,
      `p99 at ${MANY_CONNECTIONS}`,
    ],
    names.map((name) => [name, ...columns.map((column) => ratio(column.get(name)))]),
  );
}

function streamTable(rounds: Rounds<StreamRound>): string {
  const cpu = ratios(rounds, (round) => round.cpuMicrosecondsPerFrame);
  const first = ratios(rounds, (round) => round.firstByteP50Milliseconds);
  return table(
    "Frames",
    `${CPU_STREAMS} streams at once, each with 50 frames a second.`,
    ["CPU per frame", "p50 to first byte"],
    [...rounds.keys()].map((name) => [name, ratio(cpu.get(name)), ratio(first.get(name))]),
  );
}

function memoryTable(rounds: Rounds<MemoryRound>): string {
  const mebibytes = (name: string, key: keyof MemoryRound): string =>
    median((rounds.get(name) ?? []).map((round) => round[key])).toFixed(0);
  return table(
    "Memory",
    `${MEMORY_STREAMS} streams at once, each with one frame a second. MiB of resident memory of the process tree.`,
    ["idle", "peak", "after"],
    [...rounds.keys()].map((name) => [
      name,
      mebibytes(name, "idleMebibytes"),
      mebibytes(name, "peakMebibytes"),
      mebibytes(name, "afterMebibytes"),
    ]),
  );
}

function startTable(rounds: Rounds<number>): string {
  return table(
    "Start",
    "Milliseconds from the start of the process to the end of its first chat answer, upstream included.",
    ["first answer"],
    [...rounds].map(([name, values]) => [name, median(values).toFixed(0)]),
  );
}

/** The median over the rounds of what the subject needed as a multiple of what the floor needed in the same round. */
function ratios<T>(rounds: Rounds<T>, value: (round: T, index: number) => number): Map<string, number> {
  const floor = (rounds.get(FLOOR) ?? []).map(value);
  return new Map(
    [...rounds].map(([name, own]) => [
      name,
      median(own.map((each, index) => value(each, index) / (floor[index] ?? 0))),
    ]),
  );
}

function ratio(value: number | undefined): string {
  return (value ?? Number.NaN).toFixed(2);
}

function table(title: string, note: string, columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `## ${title}

${note}

${line(["", ...columns])}
${line(["---", ...columns.map(() => "---:")])}
${rows.map(line).join("\n")}
`;
}
