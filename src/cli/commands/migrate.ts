import { parseArgs } from "node:util";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";
import { STORE_FLAGS, storeOfArguments } from "../store-of-arguments.ts";

/** `isthmus migrate`: brings the schema up to date without serving, as a start does by itself. */
export const migrate: SubCommand = {
  async run(args, environment) {
    let values: { config?: string; "data-dir"?: string };
    try {
      values = parseArgs({ args: [...args], options: STORE_FLAGS }).values;
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
    const { database, applied } = await storeOfArguments(values, environment);
    await database.close();
    console.log(`${database.place}: ${applied.length === 0 ? "up to date" : `applied ${applied.join(", ")}`}`);
    return 0;
  },
};
