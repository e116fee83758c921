import { formatDollars } from "../../pricing/format-dollars.ts";
import type { SimulationReport, Tally } from "../../routing/simulation/simulation-report.ts";

const COLUMNS = ["requests", "answered", "refused by budget", "attempts", "cost", "p50", "p99"] as const;

/** A simulation as tables for a terminal. */
export function renderReport(title: string, report: SimulationReport): string {
  const lines = [title];
  lines.push(...table("", new Map([["all", report.total]])));
  lines.push(
    ...table("model", report.models),
    ...table("deployment", report.deployments),
    ...table("key", report.keys),
  );
  lines.push(`cooldowns ${report.cooldowns}, at most ${report.mostAttempts} attempts a request`);
  if (report.unknownModels > 0) lines.push(`${report.unknownModels} requests for models that nobody serves`);
  return lines.join("\n");
}

/** What another configuration would change. */
export function renderDifference(before: SimulationReport, after: SimulationReport): string {
  const names = [...new Set([...before.models.keys(), ...after.models.keys()])].sort();
  const lines = ["difference"];
  const line = (name: string, one: Tally | undefined, other: Tally | undefined): string => {
    const cost = (other?.cost ?? 0n) - (one?.cost ?? 0n);
    const failed = (other?.failures ?? 0) - (one?.failures ?? 0);
    const stops = (other?.budgetStops ?? 0) - (one?.budgetStops ?? 0);
    const p50 = (other?.percentile(0.5) ?? 0) - (one?.percentile(0.5) ?? 0);
    return `  ${name.padEnd(32)} cost ${signed(cost < 0n ? -1 : 1)}$${formatDollars(cost < 0n ? -cost : cost)}, failures ${plus(failed)}, budget stops ${plus(stops)}, p50 ${plus(Number(p50.toFixed(3)))} s`;
  };
  lines.push(line("all", before.total, after.total));
  for (const name of names) lines.push(line(name, before.models.get(name), after.models.get(name)));
  return lines.join("\n");
}

/** The same for programs: money in dollars, times in seconds. */
export function reportAsJson(report: SimulationReport): unknown {
  const all = (tallies: ReadonlyMap<string, Tally>) =>
    Object.fromEntries([...tallies].map(([name, tally]) => [name, tallyAsJson(tally)]));
  return {
    total: tallyAsJson(report.total),
    models: all(report.models),
    deployments: all(report.deployments),
    keys: all(report.keys),
    cooldowns: report.cooldowns,
    mostAttempts: report.mostAttempts,
    unknownModels: report.unknownModels,
  };
}

function tallyAsJson(tally: Tally): unknown {
  const { requests, succeeded, attempts, fallbacks, budgetStops, cost, promptTokens, completionTokens } = tally;
  return {
    ...{ requests, succeeded, attempts, fallbacks, budgetStops, promptTokens, completionTokens },
    cost: Number(cost) / 1e9,
    errors: Object.fromEntries(tally.errors),
    p50: tally.percentile(0.5),
    p99: tally.percentile(0.99),
  };
}

function table(kind: string, tallies: ReadonlyMap<string, Tally>): string[] {
  if (tallies.size === 0) return [];
  const head = [kind.padEnd(34), ...COLUMNS.map((name) => name.padStart(18))].join("");
  const rows = [...tallies].map(([name, tally]) => {
    const cells = [
      String(tally.requests),
      String(tally.succeeded),
      String(tally.budgetStops),
      String(tally.attempts),
      `$${formatDollars(tally.cost)}`,
      seconds(tally.percentile(0.5)),
      seconds(tally.percentile(0.99)),
    ];
    const errors = [...tally.errors].map(([code, count]) => `${code} ${count}`).join(", ");
    return [
      `  ${name.slice(0, 31).padEnd(32)}`,
      ...cells.map((cell) => cell.padStart(18)),
      errors && `  ${errors}`,
    ].join("");
  });
  return [head, ...rows];
}

function seconds(value: number | undefined): string {
  return value === undefined ? "-" : `${value.toFixed(2)} s`;
}

function plus(value: number): string {
  return value > 0 ? `+${value}` : String(value);
}

function signed(sign: number): string {
  return sign < 0 ? "-" : "+";
}
