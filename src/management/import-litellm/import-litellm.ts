import type { Database } from "../../store/database.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { Secrets } from "../../store/secrets.ts";
import { credentialsKind, modelsKind, settingsKind } from "./configuration.ts";
import { accessGroupsKind, groupBudgetsKind, invitationsKind } from "./groups.ts";
import { keysKind, replacedKeysKind } from "./keys.ts";
import type { ImportContext, Kind } from "./kind.ts";
import { budgetsKind, customersKind, tagsKind } from "./limits.ts";
import { organizationMembersKind, teamMembersKind } from "./memberships.ts";
import { type OldDatabase, withOldDatabase } from "./old-database.ts";
import { OldSecrets } from "./old-secrets.ts";
import { organizationsKind, projectsKind, teamsKind, usersKind } from "./people.ts";
import type { ImportReport, KindReport } from "./report.ts";
import { importKind } from "./write-kind.ts";

/** In an order in which everything that is referred to comes first. */
const KINDS: readonly Kind[] = [
  ...[budgetsKind, organizationsKind, teamsKind, usersKind, organizationMembersKind, teamMembersKind, projectsKind],
  ...[keysKind, replacedKeysKind, customersKind, tagsKind, accessGroupsKind, groupBudgetsKind],
  ...[credentialsKind, modelsKind, settingsKind, invitationsKind],
];

export interface ImportOptions
  extends Pick<ImportContext, "environment" | "problemOfModel" | "problemOfSetting" | "resetClock"> {
  /** Address of LiteLLM's PostgreSQL; it is only read. */
  readonly from: string;
  /** What LiteLLM sealed its secrets with: its LITELLM_SALT_KEY, else its master key. */
  readonly oldSaltKey: string;
  /** Where everything goes, its schema up to date; it may be the same database. */
  readonly to: Database;
  /** What seals secrets here. */
  readonly saltKey: string;
  /** Find out what would be taken, and write nothing. */
  readonly dryRun: boolean;
  readonly skipUnreadable: boolean;
  readonly now: number;
}

/** Secrets that the old salt key does not open; nothing was taken. */
export class UnreadableSecrets extends Error {
  override readonly name = "UnreadableSecrets";
  readonly secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    super(
      "the salt key does not open these secrets, so nothing was taken:\n" +
        `${secrets.map((secret) => `  ${secret}`).join("\n")}\n` +
        "Give the LITELLM_SALT_KEY of the old gateway (its master key where it had none) with --salt-key; " +
        "--skip-unreadable leaves these objects and takes the rest.",
    );
    this.secrets = secrets;
  }
}

/**
 * Takes keys, users, teams, budgets, models and all else that is managed from a LiteLLM database, with what was spent so
 * far. Only what is not here yet is written, in one transaction: all or nothing. A second run changes nothing.
 *
 * Throws UnreadableSecrets, also in a dry run.
 */
export async function importLitellm(options: ImportOptions): Promise<ImportReport> {
  const { to, dryRun } = options;
  return withOldDatabase(options.from, async (old) => {
    const secrets = new Secrets(options.saltKey);
    if (!dryRun) {
      return to.kysely.transaction().execute(async (transaction) => {
        await secrets.load(transaction);
        return run(options, old, secrets, transaction);
      });
    }
    await loadWithoutWriting(secrets, to);
    return run(options, old, secrets, to.kysely);
  });
}

async function run(
  options: ImportOptions,
  old: OldDatabase,
  secrets: Secrets,
  connection: Connection,
): Promise<ImportReport> {
  const { environment, problemOfModel, problemOfSetting, resetClock, now, skipUnreadable } = options;
  const oldSecrets = new OldSecrets(options.oldSaltKey);
  const shared = { old, oldSecrets, secrets, now, resetClock, environment, credentials: new Map() };
  const context: ImportContext = { ...shared, problemOfModel, problemOfSetting };
  const unreadable: string[] = [];
  const kinds: KindReport[] = [];
  let configures = false;
  for (const kind of KINDS) {
    const report = await importKind(kind, { connection, context, write: !options.dryRun, skipUnreadable, unreadable });
    configures ||= kind.configures === true && report.new > 0;
    kinds.push(report);
  }
  if (unreadable.length > 0 && !skipUnreadable) throw new UnreadableSecrets(unreadable);
  if (configures && !options.dryRun) await bumpConfigurationVersion(connection, now);
  return { kinds, leftOut: await leftOut(old), unreadable };
}

/** A database without secrets gets its first data key with them; a dry run makes one and leaves it. */
async function loadWithoutWriting(secrets: Secrets, { kysely }: Database): Promise<void> {
  const undo = new Error("the data key of a dry run is not kept");
  await kysely
    .transaction()
    .execute(async (transaction) => {
      await secrets.load(transaction);
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

/** Why nothing is taken of a table. */
const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^LiteLLM_(SpendLogs|Daily|ErrorLogs|SpendLog)/, "history stays there; spend so far is taken as totals"],
  [/^LiteLLM_BudgetWindowSpend$/, "budgets of several periods (budget_limits) count from now on"],
  [/^LiteLLM_(AuditLog|Deleted)/, "history stays there"],
  [/^LiteLLM_(HealthCheck|CronJob|ProxyWorker|.*Session|AdaptiveRouter)/, "LiteLLM's own state"],
  [/^LiteLLM_(MCP|Agent|Guardrails|Prompt|Policy|SearchTools|Skills|Tool|ManagedVectorStore)/, "not there yet"],
  [/^LiteLLM_Managed(File|Object)/, "its ids of files and batches are unknown here"],
];

async function leftOut(old: OldDatabase): Promise<ImportReport["leftOut"]> {
  const read = new Set(KINDS.flatMap(({ from, alongside = [] }) => [from.table, ...alongside]));
  const found: { table: string; rows: number; reason: string }[] = [];
  for (const table of old.tables) {
    if (read.has(table)) continue;
    const rows = await old.count(table);
    if (rows === 0) continue;
    const reason = REASONS.find(([pattern]) => pattern.test(table))?.[1] ?? "nothing here corresponds to it";
    found.push({ table, rows, reason });
  }
  return found;
}
