/** The set-based statements that derive rollups from rows, and the same sums from scratch for comparison. */

/** What is added up, each with its expression over one row of `spend`. */
export const MEASURES = {
  requests: "1",
  successes: "status = 'success'",
  failures: "status = 'failure'",
  cancellations: "status = 'cancelled'",
  interruptions: "status = 'interrupted'",
  estimates: "estimated",
  cache_hits: "coalesce(cache_hit, 0)",
  cost_nano: "cost_nano",
  prompt_tokens: "prompt_tokens",
  completion_tokens: "completion_tokens",
  total_tokens: "total_tokens",
  cache_read_tokens: "cache_read_tokens",
  cache_write_tokens: "cache_write_tokens",
  // A clock that was set back during a call must not shorten other calls.
  duration_ms: "max(ended_at - started_at, 0)",
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

const GROUP_COLUMNS =
  "key_hash, user_id, team_id, organization_id, end_user, tags, call_type, model_group, model, provider";

/** The key of a rollup row. */
export const PERIOD_KEY = "dimension, period, entity, key_hash, call_type, model_group, model, provider";
export const TOTAL_KEY = "dimension, entity";

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** How each table names the period of a row; the total has none. */
export const ROLLUP_TABLES = [
  { table: "rollup_hour", periodMs: HOUR_MS },
  { table: "rollup_day", periodMs: DAY_MS },
  { table: "rollup_total", periodMs: undefined },
] as const;

const measures = (format: (name: keyof typeof MEASURES) => string) => MEASURE_NAMES.map(format).join(", ");

/** Sums per hour and combination of columns: small, however many rows there are. `sign` is 1 or -1. */
function sumsOfRows(source: string, sign: 1 | -1): string {
  return `SELECT started_at - started_at % ${HOUR_MS} AS hour, ${GROUP_COLUMNS},
    ${measures((name) => `${sign} * sum(${MEASURES[name]}) AS ${name}`)}
  FROM ${source}
  GROUP BY hour, ${GROUP_COLUMNS}`;
}

/** Sums per rollup key, out of sums per hour and combination. */
function sumsOfDimension(dimension: Dimension, source: string, periodMs: number | undefined): string {
  const column = DIMENSIONS[dimension];
  const entity = dimension === "tag" ? "tag.value" : `${source}.${column}`;
  const from = dimension === "tag" ? `${source}, json_each(${source}.tags) AS tag` : source;
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
export function sumsOfTable(source: string, periodMs: number | undefined): string {
  return DIMENSION_NAMES.map((dimension) => sumsOfDimension(dimension, source, periodMs)).join("\nUNION ALL\n");
}

/** A temporary table of sums for one run. */
export const CREATE_DELTA = `CREATE TEMP TABLE IF NOT EXISTS rollup_delta AS
  ${sumsOfRows("spend WHERE false", 1)}`;

/** Sums of the rows behind the watermark; parameters: watermark, last row. */
export const FILL_DELTA = `INSERT INTO rollup_delta ${sumsOfRows("spend WHERE seq > ? AND seq <= ?", 1)}`;

export const FILL_DELTA_OF_REPLACED = `INSERT INTO rollup_delta ${sumsOfRows("spend_replaced", -1)}`;

/** One statement per table that adds the delta to it. */
export const APPLY_DELTA: readonly string[] = ROLLUP_TABLES.map(({ table, periodMs }) => {
  const key = periodMs === undefined ? TOTAL_KEY : PERIOD_KEY;
  return `INSERT INTO ${table} (${key}, ${MEASURE_NAMES.join(", ")})
  SELECT * FROM (${sumsOfTable("rollup_delta", periodMs)}) WHERE true
  ON CONFLICT (${key}) DO UPDATE SET ${measures((name) => `${name} = ${name} + excluded.${name}`)}`;
});

/**
 * A common table expression with the sums that rollups should hold: of all rows up to the watermark, and of those that
 * were replaced and are still to be subtracted. Parameter: watermark.
 */
export function sumsOfAllRows(name: string): string {
  return `${name} AS MATERIALIZED (${sumsOfRows("spend WHERE seq <= ?", 1)}
  UNION ALL ${sumsOfRows("spend_replaced", 1)})`;
}
