import { parseArgs } from "node:util";
import { type Verification, verify } from "../../ledger/verify.ts";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";
import { STORE_FLAGS, storeOfArguments } from "../store-of-arguments.ts";

/**
 * `isthmus ledger verify [--json]`: adds up every row and compares the sums with all counters. Exit status 1 when one
 * differs. It may run beside a gateway that serves: it sees one moment.
 */
export const ledger: SubCommand = {
  async run(args, environment) {
    const { positionals, values } = read(args);
    if (positionals[0] !== "verify" || positionals.length > 1) {
      throw new UsageError("isthmus ledger has one command: isthmus ledger verify [--config FILE] [--json]");
    }
    const { database } = await storeOfArguments(values, environment);
    try {
      const result = await verify(database);
      console.log(values.json === true ? asJson(result) : inWords(result));
      return result.differences.length === 0 ? 0 : 1;
    } finally {
      await database.close();
    }
  },
};

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...STORE_FLAGS, json: { type: "boolean" } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function inWords({ rows, waiting, counters, differences }: Verification): string {
  const lines = differences.map(({ table, key, excess }) => {
    const amounts = Object.entries(excess).map(([name, value]) => `${name} ${value > 0n ? "+" : ""}${value}`);
    return `${table} ${key}: ${amounts.join(", ")}`;
  });
  const verdict =
    differences.length === 0 ? "every counter equals the sum of its rows" : "counters differ from their rows";
  return [`${rows} rows, ${waiting} not yet added up, ${counters} counters: ${verdict}`, ...lines].join("\n");
}

function asJson(result: Verification): string {
  return JSON.stringify(result, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
