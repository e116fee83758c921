import type { Log } from "../events/log.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import { spendTotals } from "../store/objects/spend-totals.ts";
import { Secrets } from "../store/secrets.ts";
import { DeclaredObjects } from "./declared/declared-objects.ts";
import type { Management, ModelHost } from "./management.ts";

export interface ManagementOptions {
  readonly database: Database;
  readonly log: Log;
  /** What seals the secrets of the database: `LITELLM_SALT_KEY`, else the master key. */
  readonly saltKey: string;
  /** Whether that is the master key. */
  readonly sealedByMasterKey: boolean;
  /** What sealed them before: a start with it seals them anew. */
  readonly previousSaltKey?: string | undefined;
  readonly snapshot: () => Snapshot;
  readonly models: ModelHost;
  readonly priceMapUrl: string | undefined;
  readonly fetchText: Management["fetchText"];
  /** Default: what the ledger has. */
  readonly spendOf?: Management["spendOf"];
  readonly changed?: Management["changed"];
  readonly now?: () => number;
}

/** What the management API works on. Secrets that cannot be read are logged, and refused where they are needed. */
export async function openManagement(options: ManagementOptions): Promise<Management> {
  const { database, log } = options;
  const secrets = new Secrets(options.saltKey);
  try {
    if (options.previousSaltKey !== undefined && options.previousSaltKey !== "") {
      const moved = await secrets.moveFrom(database.kysely, options.previousSaltKey);
      if (moved) log.info("stored secrets are sealed with the new salt key");
    }
    await secrets.load(database.kysely);
  } catch (error) {
    log.error("stored secrets cannot be read", { error: error instanceof Error ? error.message : String(error) });
  }
  return {
    database,
    secrets,
    sealedByMasterKey: options.sealedByMasterKey,
    log,
    snapshot: options.snapshot,
    models: options.models,
    priceMapUrl: options.priceMapUrl,
    fetchText: options.fetchText,
    declared: new DeclaredObjects(() => options.snapshot().declaredObjects),
    now: options.now ?? Date.now,
    spendOf: options.spendOf ?? ((dimension, ids) => spendTotals(database.kysely, dimension, ids)),
    changed: options.changed ?? (() => {}),
  };
}
