/** The set-based statements that derive rollups from rows, and the same sums from scratch for comparison. */
import type { Database } from "../store/database.ts";
import type { SpendColumn } from "./spend-row.ts";

type Dialect = Database["dialect"];

/** What is added up, each with its expression over one row of `spend`. */
export const MEASURES = {
  requests: "1",
  successes: "CASE WHEN status = 'success' THEN 1 ELSE 0 END",
  failures: "CASE WHEN status = 'failure' THEN 1 ELSE 0 END",
  cancellations: "CASE WHEN status = 'cancelled' THEN 1 ELSE 0 END",
  interruptions: "CASE WHEN status = 'interrupted' THEN 1 ELSE 0 END",
  estimates: "estimated",
  cache_hits: "coalesce(cache_hit, 0)",
  cost_nano: "cost_nano",
  prompt_tokens: "prompt_tokens",
  completion_tokens: "completion_tokens",
  total_tokens: "total_tokens",
  cache_read_tokens: "cache_read_tokens",
  cache_write_tokens: "cache_write_tokens",
  // A clock that was set back during a call must not shorten other calls.
  duration_ms: "CASE WHEN ended_at > started_at THEN ended_at - started_at ELSE 0 END",
} as const;

export const MEASURE_NAMES = Object.keys(MEASURES) as (keyof typeof MEASURES)[];

/** Each dimension with the column of `spend` that names its entity; a row without one is not part of it. */
export const DIMENSIONS = {
  key: "key_hash",
  user: "user_id",
  team: "team_id",
  organization: "organization_id",
  customer: "end_user",
  tag: "tags",
  model: "model",
  provider: "provider",
} as const;

export type Dimension = keyof typeof DIMENSIONS;

const DIMENSION_NAMES = Object.keys(DIMENSIONS) as Dimension[];

/** Dimensions of few entities; a key's share of them is found in the dimension `key`. */
const WITHOUT_KEYS: ReadonlySet<Dimension> = new Set(["model", "provider"]);

/** What rows are summed by, beside their hour. */
export const GROUP_COLUMNS = [
  "key_hash",
  "user_id",
  "team_id",
  "organization_id",
  "end_user",
  "tags",
  "call_type",
  "model_group",
  "model",
  "provider",
] as const satisfies readonly SpendColumn[];

const GROUPED_BY = `hour, ${GROUP_COLUMNS.join(", ")}`;

/** The key of a rollup row. */
export const PERIOD_KEY = "dimension, period, entity, key_hash, call_type, model_group, model, provider";
export const TOTAL_KEY = "dimension, entity";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** How each table names the period of a row; the total has none. */
export const ROLLUP_TABLES = [
  { table: "rollup_hour", periodMs: HOUR_MS },
  { table: "rollup_day", periodMs: DAY_MS },
  { table: "rollup_total", periodMs: undefined },
] as const;

/** The columns of sums per hour and combination, in the order of `sumsOfRows`. */
export const SUM_COLUMNS = `${GROUPED_BY}, ${MEASURE_NAMES.join(", ")}`;

/** One row `tag.value` for each string of a JSON array; none for null. */
const EACH_TAG: Readonly<Record<Dialect, (column: string) => string>> = {
  sqlite: (column) => `json_each(${column}) AS tag`,
  postgres: (column) => `json_array_elements_text(${column}::json) AS tag (value)`,
};

const measures = (format: (name: keyof typeof MEASURES) => string) => MEASURE_NAMES.map(format).join(", ");

/** Sums per hour and combination of columns: small, however many rows there are. `sign` is 1 or -1. */
export function sumsOfRows(source: string, sign: 1 | -1): string {
  return `SELECT started_at - started_at % ${HOUR_MS} AS ${GROUPED_BY},
    ${measures((name) => `${sign} * sum(${MEASURES[name]}) AS ${name}`)}
  FROM ${source}
  GROUP BY ${GROUPED_BY}`;
}

/** Sums per rollup key, out of sums per hour and combination. */
function sumsOfDimension(dialect: Dialect, dimension: Dimension, source: string, periodMs: number | undefined): string {
  const column = DIMENSIONS[dimension];
  const entity = dimension === "tag" ? "tag.value" : `${source}.${column}`;
  const from = dimension === "tag" ? `${source}, ${EACH_TAG[dialect](`${source}.tags`)}` : source;
  const key =
    periodMs === undefined
      ? `'${dimension}' AS dimension, ${entity} AS entity`
      : `'${dimension}' AS dimension, hour - hour % ${periodMs} AS period, ${entity} AS entity,
         ${WITHOUT_KEYS.has(dimension) ? "''" : "key_hash"} AS key_hash, call_type, model_group, model, provider`;
  // By position: a name would mean the source's column where both have it.
  const positions = periodMs === undefined ? "1, 2" : "1, 2, 3, 4, 5, 6, 7, 8";
  return `SELECT ${key}, ${measures((name) => `sum(${source}.${name}) AS ${name}`)}
  FROM ${from} WHERE ${entity} IS NOT NULL GROUP BY ${positions}`;
}

/** Sums of a whole rollup table out of the sums in `source`. */
export function sumsOfTable(dialect: Dialect, source: string, periodMs: number | undefined): string {
  return DIMENSION_NAMES.map((dimension) => sumsOfDimension(dialect, dimension, source, periodMs)).join(
    "\nUNION ALL\n",
  );
}

/** One statement per rollup table that adds the sums in `source` to it. */
export function additions(dialect: Dialect, source: string): readonly string[] {
  return ROLLUP_TABLES.map(({ table, periodMs }) => {
    const key = periodMs === undefined ? TOTAL_KEY : PERIOD_KEY;
    return `INSERT INTO ${table} (${key}, ${MEASURE_NAMES.join(", ")})
  SELECT * FROM (${sumsOfTable(dialect, source, periodMs)}) AS sums WHERE true
  ON CONFLICT (${key}) DO UPDATE SET ${measures((name) => `${name} = ${table}.${name} + excluded.${name}`)}`;
  });
}
