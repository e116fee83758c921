import { asObject, type Json, type JsonObject, type MutableJsonObject, parseJson } from "../json/json.ts";
import type { SqlValue } from "../store/objects/object-table.ts";

/** How a field of the wire is kept in its column. */
type ColumnKind =
  /** Text, or null. */
  | "text"
  /** An integer, or null. */
  | "number"
  /** Dollars on the wire, nano-dollars in a column that ends in `_nano`. */
  | "money"
  /** ISO 8601 on the wire, milliseconds since the epoch in the column. */
  | "time"
  /** A boolean; null is false. */
  | "flag"
  /** A boolean or null. */
  | "optional-flag"
  /** A list, kept as JSON; null is the empty list. */
  | "list"
  /** An object, kept as JSON; null is the empty object. */
  | "object"
  /** An object or null, kept as JSON. */
  | "optional-object";

type Row = Readonly<Record<string, SqlValue>>;
type MutableRow = Record<string, SqlValue>;

/** Fields and columns that every holder of limits has. */
export const LIMITS = {
  max_budget: "money",
  soft_budget: "money",
  budget_duration: "text",
  budget_reset_at: "time",
  max_parallel_requests: "number",
  tpm_limit: "number",
  rpm_limit: "number",
  tpd_limit: "number",
} as const satisfies Record<string, ColumnKind>;

export const STAMPS = {
  created_at: "time",
  created_by: "text",
  updated_at: "time",
  updated_by: "text",
} as const satisfies Record<string, ColumnKind>;

/**
 * How an object looks on the wire and in its row: one description, read in both directions. Fields without a column of
 * their own are kept together in `settings`, by their names on the wire.
 */
export class ObjectShape {
  readonly #columns: ReadonlyMap<string, ColumnKind>;
  /** Field → what is shown where it was never set. */
  readonly #settings: ReadonlyMap<string, Json>;
  /** The fields without a column of their own. */
  readonly settings: ReadonlySet<string>;

  constructor(columns: Readonly<Record<string, ColumnKind>>, settings: Readonly<Record<string, Json>> = {}) {
    this.#columns = new Map(Object.entries(columns));
    this.#settings = new Map(Object.entries(settings));
    this.settings = new Set(this.#settings.keys());
  }

  /** The columns of a new row, as far as the wire's fields fill them. */
  insert(fields: JsonObject): MutableRow {
    const row: MutableRow = {};
    for (const [name, kind] of this.#columns) row[columnOf(name, kind)] = toColumn(kind, fields[name] ?? null);
    if (this.#settings.size > 0) row.settings = this.#settingsWith("{}", fields);
    return row;
  }

  /** The columns that the fields change; fields that are undefined change nothing, null clears. */
  update(row: Row, fields: JsonObject): MutableRow {
    const patch: MutableRow = {};
    for (const [name, value] of Object.entries(fields)) {
      const kind = this.#columns.get(name);
      if (kind !== undefined && value !== undefined) patch[columnOf(name, kind)] = toColumn(kind, value);
    }
    if (this.#settings.size > 0) {
      const settings = this.#settingsWith(String(row.settings), fields);
      if (settings !== row.settings) patch.settings = settings;
    }
    return patch;
  }

  /** The object as the API shows it. */
  show(row: Row): MutableJsonObject {
    const shown: MutableJsonObject = {};
    for (const [name, kind] of this.#columns) shown[name] = fromColumn(kind, row[columnOf(name, kind)] ?? null);
    if (this.#settings.size > 0) {
      const settings = settingsOf(row);
      for (const [name, absent] of this.#settings) shown[name] = settings[name] ?? absent;
    }
    return shown;
  }

  #settingsWith(text: string, fields: JsonObject): string {
    const settings: MutableJsonObject = { ...asObject(parseJson(text)) };
    for (const name of this.#settings.keys()) {
      const value = fields[name];
      if (value === undefined) continue;
      if (value === null) delete settings[name];
      else settings[name] = value;
    }
    return JSON.stringify(settings);
  }
}

/** What a row keeps of the fields that have no column. */
export function settingsOf(row: { readonly settings?: SqlValue }): JsonObject {
  return asObject(parseJson(String(row.settings ?? "{}"))) ?? {};
}

/** A JSON column that holds a list of texts. */
export function listOf(text: string): readonly string[] {
  const value = parseJson(text);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function columnOf(name: string, kind: ColumnKind): string {
  return kind === "money" ? `${name}_nano` : name;
}

function toColumn(kind: ColumnKind, value: Json): SqlValue {
  switch (kind) {
    case "list":
      return JSON.stringify(value ?? []);
    case "object":
      return JSON.stringify(value ?? {});
    case "optional-object":
      return value === null ? null : JSON.stringify(value);
    case "flag":
      return value === true ? 1 : 0;
    case "optional-flag":
      return value === null ? null : value === true ? 1 : 0;
    case "money":
      return value === null ? null : nanoOf(Number(value));
    case "time":
      return value === null ? null : typeof value === "number" ? value : Date.parse(String(value));
    case "number":
      return value === null ? null : Number(value);
    case "text":
      return value === null ? null : String(value);
  }
}

function fromColumn(kind: ColumnKind, value: SqlValue): Json {
  switch (kind) {
    case "list":
      return parseJson(String(value ?? "[]")) ?? [];
    case "object":
      return parseJson(String(value ?? "{}")) ?? {};
    case "optional-object":
      return value === null ? null : (parseJson(String(value)) ?? null);
    case "flag":
      return Number(value) === 1;
    case "optional-flag":
      return value === null ? null : Number(value) === 1;
    case "money":
      return value === null ? null : dollars(BigInt(value));
    case "time":
      return value === null ? null : isoTime(Number(value));
    case "number":
      return value === null ? null : Number(value);
    case "text":
      return value === null ? null : String(value);
  }
}

/** Whole nano-dollars of dollars, from their shortest decimal text. */
export function nanoOf(amount: number): bigint {
  return BigInt(amount.toFixed(9).replace(".", ""));
}

/** Nano-dollars as the dollars that JSON shows. */
export function dollars(nano: bigint): number {
  return Number(nano) / 1e9;
}

export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
