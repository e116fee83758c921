import { parseArgs } from "node:util";
import { compileSnapshot } from "../../config/compile.ts";
import { ConfigError } from "../../config/diagnostics.ts";
import { hasStored, NOTHING_STORED, storedLocation } from "../../config/stored-models.ts";
import { unstorable } from "../../config/stored-settings.ts";
import { importLitellm } from "../../management/import-litellm/import-litellm.ts";
import { resetClockOf } from "../../management/management.ts";
import { UsageError } from "../arguments.ts";
import type { SubCommand } from "../commands.ts";
import { renderImport } from "../import/render-import.ts";
import { decideMasterKey } from "../master-key.ts";
import { STORE_FLAGS, storeOfArguments } from "../store-of-arguments.ts";

const USAGE =
  "isthmus import litellm --database-url postgres://… [--salt-key KEY] [--dry-run] [--json] [--skip-unreadable] " +
  "[--config FILE] [--data-dir DIR]";

/**
 * `isthmus import litellm`: takes keys, users, teams, budgets, models and spend from a LiteLLM database into the one that
 * `serve` would use with the same arguments. Exit status 1 when it cannot, and nothing was taken then.
 */
export const importCommand: SubCommand = {
  async run(args, environment) {
    const { positionals, values } = read(args);
    if (positionals[0] !== "litellm" || positionals.length > 1) throw new UsageError(USAGE);
    const from = values["database-url"] ?? nonEmpty(environment.DATABASE_URL);
    if (from === undefined) throw new UsageError(`the address of LiteLLM's database is missing: ${USAGE}`);
    const store = await storeOfArguments(values, environment);
    const { database, dataDir, snapshot } = store;
    try {
      const master = decideMasterKey({
        configured: snapshot.general.masterKey ?? environment.LITELLM_MASTER_KEY ?? environment.ISTHMUS_MASTER_KEY,
        permitWeak: true,
        loopback: true,
        dataDir,
      });
      const own = nonEmpty(environment.LITELLM_SALT_KEY) ?? (master.kind === "use" ? master.key : "");
      const report = await importLitellm({
        from,
        oldSaltKey: values["salt-key"] ?? own,
        to: database,
        saltKey: own,
        dryRun: values["dry-run"] === true,
        skipUnreadable: values["skip-unreadable"] === true,
        now: Date.now(),
        environment: store.environment,
        resetClock: resetClockOf(snapshot),
        problemOfModel(model, credentials) {
          const stored = { ...NOTHING_STORED, models: [model], credentials };
          const tried = compileSnapshot(store.document, { environment: store.environment, stored, trial: true });
          if (hasStored(tried, model.id)) return undefined;
          const { file } = storedLocation(model.id);
          const found = tried.diagnostics.find(({ location }) => location?.file === file);
          return found?.message.replace(/^the deployment of .*? is skipped: /, "") ?? "it is for another environment";
        },
        problemOfSetting(section, key, value) {
          const reason = unstorable(section, key);
          if (reason !== undefined) return reason;
          const stored = { ...NOTHING_STORED, settings: { [section]: { [key]: value } } };
          try {
            compileSnapshot(store.document, { environment: store.environment, stored, trial: true });
            return undefined;
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            return error.diagnostics.find(({ severity }) => severity === "error")?.message ?? error.message;
          }
        },
      });
      const words = {
        dryRun: values["dry-run"] === true,
        place: database.place,
        storesModels: snapshot.general.storesModels,
      };
      console.log(values.json === true ? asJson(report) : renderImport(report, words));
      return 0;
    } finally {
      await database.close();
    }
  },
};

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...STORE_FLAGS,
        "database-url": { type: "string" },
        "salt-key": { type: "string" },
        "dry-run": { type: "boolean" },
        "skip-unreadable": { type: "boolean" },
        json: { type: "boolean" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

function asJson(report: object): string {
  return JSON.stringify(report, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
