import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compileSnapshot } from "../../config/compile.ts";
import { loadConfig } from "../../config/load.ts";
import { assumedEnvironment } from "../../config/secrets/secret-environment.ts";
import { ERROR_CODES, type ErrorCode } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { closest } from "../../providers/closest.ts";
import type { Behaviour, Outage } from "../../routing/simulation/provider-model.ts";
import { simulate as run } from "../../routing/simulation/simulate.ts";
import type { SimulationReport } from "../../routing/simulation/simulation-report.ts";
import type { TrafficRequest } from "../../routing/simulation/traffic.ts";
import { durationMs } from "../../routing/spend-window.ts";
import type { Snapshot } from "../../snapshot/snapshot.ts";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";
import { ledgerTraffic } from "../simulate/ledger-traffic.ts";
import { readTraffic } from "../simulate/read-traffic.ts";
import { renderDifference, renderReport, reportAsJson } from "../simulate/render-report.ts";
import { STORE_FLAGS, storeOfArguments } from "../store-of-arguments.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A provider about which nothing is said. */
const USUAL: Behaviour = {
  firstSeconds: 0.6,
  secondsPerToken: 0.01,
  errorRate: 0,
  errorCode: "internal",
  outages: [],
  rpmLimit: undefined,
};

/**
 * `isthmus simulate --config a.yml --traffic log.jsonl`: serves traffic of the past by a configuration, on a virtual
 * clock and without calling anybody, and says what it would have cost, how long it would have taken and what would have
 * failed. With `--compare b.yml` also by another one, and what the difference is. `--faults faults.json` says how
 * deployments behave, by their id or model name: `{"gpt": {"errorRate": 0.1, "outages": [{"from": 60, "to": 120}]}}`;
 * `--budgets budgets.json` what keys may spend. `--ledger` takes the traffic from the database that `serve` uses with the
 * same configuration, `--data-dir` and environment, of the time from `--since` to `--until` (a time, or a duration before
 * now such as `7d`).
 */
export const simulate: SubCommand = {
  async run(args, environment) {
    const values = parse(args);
    const { config } = values;
    if (config === undefined || (values.traffic === undefined) === (values.ledger !== true)) {
      throw new UsageError(
        "simulate needs a configuration and traffic: --config a.yml, and --traffic log.jsonl or --ledger",
      );
    }
    const seed = Number(values.seed ?? 1);
    if (!Number.isInteger(seed)) throw new UsageError("--seed is a whole number");
    const traffic = await trafficOf(values, environment);
    const faults = values.faults === undefined ? {} : readFaults(values.faults);
    const budgets = values.budgets === undefined ? new Map<string, bigint>() : readBudgets(values.budgets);

    const simulated = (file: string): SimulationReport =>
      simulateWith(file, environment, traffic, faults, budgets, seed);
    const first = simulated(config);
    const second = values.compare === undefined ? undefined : simulated(values.compare);
    if (values.json === true) {
      console.log(
        JSON.stringify(
          { [config]: reportAsJson(first), ...(second && { [values.compare as string]: reportAsJson(second) }) },
          null,
          2,
        ),
      );
      return 0;
    }
    console.log(renderReport(config, first));
    if (second !== undefined) {
      console.log(`\n${renderReport(values.compare as string, second)}\n\n${renderDifference(first, second)}`);
    }
    return 0;
  },
};

async function trafficOf(
  values: ReturnType<typeof parse>,
  environment: Environment,
): Promise<readonly TrafficRequest[]> {
  if (values.traffic !== undefined) return readTraffic(readText(values.traffic), values.traffic);
  const now = Date.now();
  const from = momentOf(values.since, "--since", now) ?? 0;
  const until = momentOf(values.until, "--until", now) ?? now;
  const { database } = await storeOfArguments(values, environment);
  try {
    const { requests, leftOut } = await ledgerTraffic(database, { from, until });
    const place = database.dialect === "postgres" ? `PostgreSQL at ${database.place}` : database.place;
    if (requests.length === 0) throw new UsageError(`the ledger (${place}) has no requests of this time`);
    // Beside the report, which may be read by a program.
    console.error(
      `${requests.length} requests of the ledger (${place})${leftOut === 0 ? "" : `, ${leftOut} rows left out`}`,
    );
    return requests;
  } finally {
    await database.close();
  }
}

/** A time, or a duration before now. */
function momentOf(text: string | undefined, flag: string, now: number): number | undefined {
  if (text === undefined) return undefined;
  const ago = durationMs(text);
  const moment = ago === undefined ? Date.parse(text) : now - ago;
  if (Number.isNaN(moment))
    throw new UsageError(`${flag} is a time (2026-11-26T08:00Z) or a duration (7d), not "${text}"`);
  return moment;
}

function parse(args: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      args: [...args],
      options: {
        ...STORE_FLAGS,
        traffic: text,
        ledger: { type: "boolean" },
        since: text,
        until: text,
        compare: text,
        faults: text,
        budgets: text,
        seed: text,
        json: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function simulateWith(
  file: string,
  environment: Environment,
  traffic: readonly TrafficRequest[],
  faults: JsonObject,
  budgets: ReadonlyMap<string, bigint>,
  seed: number,
): SimulationReport {
  const document = loadConfig(file);
  // Nobody is called, so any key will do.
  const snapshot = compileSnapshot(document, { environment: assumedEnvironment(document, environment) });
  requireKnown(Object.keys(faults), snapshot, file);
  return run({
    snapshot,
    traffic,
    seed,
    keyBudgets: budgets,
    behaviourOf: ({ id, modelName }) => behaviourOf(asObject(faults[id]) ?? asObject(faults[modelName]) ?? {}),
  });
}

/** A fault of nobody is a slip of the fingers: the simulation would be one without it. */
function requireKnown(names: readonly string[], { deploymentsById, groups, wildcards }: Snapshot, file: string): void {
  const known = [...groups.keys(), ...wildcards.map(({ pattern }) => pattern), ...deploymentsById.keys()];
  const strange = names.find((name) => !known.includes(name));
  if (strange === undefined) return;
  const meant = closest(strange, known);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  throw new UsageError(`--faults: ${file} has no deployment or model called ${strange}${hint}`);
}

function behaviourOf(given: JsonObject): Behaviour {
  return {
    firstSeconds: asNumber(given.firstSeconds) ?? USUAL.firstSeconds,
    secondsPerToken: asNumber(given.secondsPerToken) ?? USUAL.secondsPerToken,
    errorRate: asNumber(given.errorRate) ?? USUAL.errorRate,
    errorCode: codeOf(given.errorCode, USUAL.errorCode),
    outages: asArray(given.outages).flatMap((outage) => outageOf(asObject(outage))),
    rpmLimit: asNumber(given.rpmLimit),
  };
}

function outageOf(outage: JsonObject | undefined): Outage[] {
  const from = asNumber(outage?.from);
  const to = asNumber(outage?.to);
  if (from === undefined || to === undefined) throw new UsageError("an outage needs from and to, in seconds");
  return [{ from, to, code: codeOf(outage?.code, "service_unavailable") }];
}

function codeOf(value: unknown, fallback: ErrorCode): ErrorCode {
  if (value === undefined) return fallback;
  const name = asString(value as string);
  if (name !== undefined && Object.hasOwn(ERROR_CODES, name)) return name as ErrorCode;
  throw new UsageError(`${JSON.stringify(value)} is no error code; ${Object.keys(ERROR_CODES).join(", ")} are`);
}

function readFaults(file: string): JsonObject {
  const faults = asObject(parseJson(readText(file)));
  if (faults === undefined)
    throw new UsageError(`${file} must hold a JSON object: deployment or model → its behaviour`);
  return faults;
}

function readBudgets(file: string): ReadonlyMap<string, bigint> {
  const budgets = asObject(parseJson(readText(file)));
  if (budgets === undefined) throw new UsageError(`${file} must hold a JSON object: key → dollars`);
  return new Map(
    Object.entries(budgets).map(([key, dollars]) => {
      const amount = asNumber(dollars);
      if (amount === undefined || amount < 0) throw new UsageError(`${file}: the budget of ${key} must be a number`);
      return [key, BigInt(Math.round(amount * 1e9))];
    }),
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as { code?: string }).code ?? error}`);
  }
}
