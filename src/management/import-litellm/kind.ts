import type { StoredModel } from "../../config/stored-models.ts";
import type { Json, JsonObject } from "../../json/json.ts";
import type { ResetClock } from "../../store/objects/budget-window.ts";
import type { SqlValue } from "../../store/objects/object-table.ts";
import type { ObjectTables } from "../../store/objects/tables.ts";
import type { Secrets } from "../../store/secrets.ts";
import type { ManagedKind } from "../change.ts";
import type { OldDatabase } from "./old-database.ts";
import type { OldRow } from "./old-row.ts";
import type { OldSecrets } from "./old-secrets.ts";

export type NewRow = Readonly<Record<string, SqlValue>>;

/** What becomes of one object of LiteLLM. */
export interface Taken {
  /** How the report calls it; no secret. */
  readonly name: string;
  /** The row that it would be here; undefined where it is left. */
  readonly row?: NewRow;
  /** Why it is left. */
  readonly skipped?: string;
  /** What of it does not come along, or otherwise than it was. */
  readonly notes?: readonly string[];
  /** Secrets in it that the old salt key does not open. */
  readonly closed?: readonly string[];
}

/** What the takers of rows share. */
export interface ImportContext {
  readonly old: OldDatabase;
  readonly oldSecrets: OldSecrets;
  readonly secrets: Secrets;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly resetClock: ResetClock;
  /** Values of the environment, for `os.environ/NAME` in models. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Credentials that were taken, opened: models name them. */
  readonly credentials: Map<string, JsonObject>;
  /** Why a setting cannot be kept in the database; undefined when it can. */
  problemOfSetting(section: string, key: string, value: Json): string | undefined;
  /** Why a model would not be served; undefined when it would. */
  problemOfModel(model: StoredModel, credentials: ReadonlyMap<string, JsonObject>): string | undefined;
}

export interface UniqueColumn {
  readonly column: string;
  /** Whether case does not count. */
  readonly folded?: boolean;
  readonly required?: boolean;
}

/** One kind of objects: where they are in LiteLLM's database, where here, and how one becomes the other. */
export interface Kind {
  /** As the report calls them: `keys`. */
  readonly name: string;
  /** LiteLLM's table and the columns that order it. */
  readonly from: { readonly table: string; readonly order: readonly string[] };
  /** LiteLLM's tables that are read along. */
  readonly alongside?: readonly string[];
  readonly to: keyof ObjectTables;
  /** Columns that together name a row here. */
  readonly key: readonly string[];
  /** Columns in which no two rows may have the same value; a second one is taken without it, or left where it has to be there. */
  readonly unique?: readonly UniqueColumn[];
  /** Columns in which a row here may differ without being another one, beside stamps and what was spent. */
  readonly uncompared?: readonly string[];
  /** How a change of it stands in the audit log; undefined where it does not. */
  readonly audited?: { readonly kind: ManagedKind; readonly show: (row: NewRow) => JsonObject };
  /** Whether the configuration in force depends on it. */
  readonly configures?: boolean;
  take(rows: readonly OldRow[], context: ImportContext): Promise<readonly Taken[]> | readonly Taken[];
  /** A row as it is compared: with its secrets opened. */
  comparable?(row: NewRow, context: ImportContext): NewRow;
}
