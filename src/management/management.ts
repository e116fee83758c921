import type { StoredModel } from "../config/stored-models.ts";
import type { StoredSettings } from "../config/stored-settings.ts";
import type { Log } from "../events/log.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import type { ResetClock } from "../store/objects/budget-window.ts";
import type { SpendDimension } from "../store/objects/spend-totals.ts";
import type { Secrets } from "../store/secrets.ts";
import type { DeclaredObjects } from "./declared/declared-objects.ts";

/** A change that has just been committed, for whoever keeps copies of what is managed. */
export interface ObjectChange {
  /** LiteLLM's name of the table: `LiteLLM_VerificationToken`, `LiteLLM_TeamTable` … */
  readonly table: string;
  readonly id: string;
}

/** Whoever compiles the configuration, as the routes of models need it. */
export interface ModelHost {
  /** Why a model could not be served if it were stored; undefined when it could. */
  problemOf(model: StoredModel): string | undefined;
  /** Why these settings could not be stored beside those of the files; undefined when they could. */
  problemOfSettings(settings: StoredSettings): string | undefined;
  /** The configuration as it would be with this model; a string when it cannot be served: why. */
  trial(model: StoredModel): Snapshot | string;
}

/** What the handlers of the management API reach. */
export interface Management {
  readonly database: Database;
  readonly secrets: Secrets;
  /** Whether the master key seals them, since there is no LITELLM_SALT_KEY. */
  readonly sealedByMasterKey: boolean;
  readonly log: Log;
  /** The configuration in force. */
  snapshot(): Snapshot;
  readonly models: ModelHost;
  /** Where the price map is read anew from; undefined where it must not be. */
  readonly priceMapUrl: string | undefined;
  fetchText(url: string): Promise<{ readonly status: number; readonly text: string }>;
  /** What the configuration file declares, and where; the API leaves it alone. */
  readonly declared: DeclaredObjects;
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Nano-dollars that the entities have spent since the beginning, as whoever admits requests counts them; entities
   * that never spent may be absent.
   */
  spendOf(dimension: SpendDimension, ids: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  /** Called after every committed change, before its answer is sent. */
  changed(changes: readonly ObjectChange[]): Promise<void> | void;
}

/** The zone and hour in which budgets begin anew. */
export function resetClock(management: Management): ResetClock {
  return resetClockOf(management.snapshot());
}

/** The same of a configuration. */
export function resetClockOf({ library }: Pick<Snapshot, "library">): ResetClock {
  const { timezone, budget_reset_time } = library.raw;
  return {
    timeZone: typeof timezone === "string" ? timezone : undefined,
    resetTime: typeof budget_reset_time === "string" ? budget_reset_time : undefined,
  };
}
