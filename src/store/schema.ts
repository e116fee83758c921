/**
 * The tables as queries see them. Money is nano-dollars in columns that end in `_nano`, which are read as bigint; every
 * other integer is read as a number. Times are milliseconds since the epoch, booleans are 0 or 1.
 */
import type { Generated } from "kysely";
import type { ObjectTables } from "./objects/tables.ts";

/** One settled (or interrupted) request. Rows are appended in the order in which they reach the database. */
export interface SpendTable {
  /** Grows with every row and is never reused: rollups and pages are cut by it. */
  seq: Generated<number>;
  id: string;
  status: string;
  started_at: number;
  ended_at: number;
  first_content_at: number | null;
  call_type: string;
  model_group: string;
  model: string;
  provider: string;
  deployment_id: string;
  api_base: string;
  key_hash: string;
  key_alias: string | null;
  user_id: string | null;
  team_id: string | null;
  organization_id: string | null;
  end_user: string | null;
  session_id: string | null;
  requester_ip: string | null;
  stream: number;
  cache_hit: number | null;
  http_status: number;
  error_code: string | null;
  error_message: string | null;
  price: string;
  estimated: number;
  cost_nano: bigint;
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  /** JSON: an array of distinct strings, or null. */
  tags: string | null;
  /** JSON: the usage buckets. */
  buckets: string;
  /** JSON: the calls to providers, in order. */
  attempts: string;
  /** JSON object, or null. */
  metadata: string | null;
  /** The caller's own name for the request. */
  call_id: string | null;
}

/** What rollups add up. */
export interface RollupMeasures {
  requests: number;
  successes: number;
  failures: number;
  cancellations: number;
  interruptions: number;
  /** Requests whose cost is an estimate. */
  estimates: number;
  cache_hits: number;
  cost_nano: bigint;
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  duration_ms: number;
}

/** `key_hash` is empty in the dimensions `model` and `provider`, so that these stay small with many keys. */
export interface RollupPeriodTable extends RollupMeasures {
  dimension: string;
  /** Start of the hour or day (UTC), milliseconds since the epoch. */
  period: number;
  /** The key's hash, the user's id, the tag …, as the dimension says. */
  entity: string;
  key_hash: string;
  call_type: string;
  model_group: string;
  model: string;
  provider: string;
}

export interface RollupTotalTable extends RollupMeasures {
  dimension: string;
  entity: string;
}

/** The row up to which a consumer of `spend` has read. */
export interface WatermarkTable {
  consumer: string;
  seq: number;
}

/** What was deleted because of its age: nothing of `spend` that began before `kept_from` is complete any more. */
export interface RetentionTable {
  what: string;
  /** Start of a day (UTC), milliseconds since the epoch. */
  kept_from: number;
}

/** One kept answer of the Responses API. */
export interface ResponseTable {
  id: string;
  key_hash: string;
  user_id: string | null;
  team_id: string | null;
  /** The kept answer that it goes on from. */
  previous_id: string | null;
  created_at: number;
  expires_at: number;
  /** JSON: the items that its request added. */
  input: string;
  /** JSON: the answer as its client got it. */
  body: string;
}

/** One object that a provider keeps for a caller: a file, a batch, a vector store … */
export interface ResourceTable {
  /** As callers know it: the provider's own id, or one of the gateway's. */
  id: string;
  kind: string;
  provider: string;
  /** Empty where the provider was addressed by its name. */
  deployment_id: string;
  upstream_id: string;
  /** The model group that it was made for. */
  model: string | null;
  key_hash: string;
  user_id: string | null;
  team_id: string | null;
  created_at: number;
  /** Then its id leads nowhere any more; the row counts for limits per day. */
  deleted_at: number | null;
  /** JSON: what the provider last said of it, with callers' ids. */
  body: string;
  /** JSON: what the gateway found out itself; see `ResourceFacts`. */
  facts: string;
}

/** One job whose cost is known when it is done: a batch, an answer that is made in the background. */
export interface DeferredCostTable {
  /** Its resource, or the id of the answer. */
  id: string;
  kind: string;
  provider: string;
  deployment_id: string;
  upstream_id: string;
  /** Id of the spend row to come: a job that is settled twice has one row. */
  spend_id: string;
  /** JSON: who pays; see `DeferredOwner`. */
  owner: string;
  created_at: number;
  /** Whoever looks after it next must not do so before. */
  next_at: number;
  /** Then nobody looks any more. */
  expires_at: number;
  /** Time of the spend row, decided before it is written first: a row is known by its id and its time. */
  paid_at: number | null;
  /** 1 when its row is written, or when there will be none. */
  settled: number;
}

/** What a health check found of one deployment. */
export interface HealthCheckTable {
  id: string;
  checked_at: number;
  deployment_id: string;
  /** The model group. */
  model_name: string;
  /** `litellm_params.model`. */
  model: string;
  status: "healthy" | "unhealthy";
  error: string | null;
  response_ms: number;
  /** Who asked: `background`, or the key's alias or hash. */
  checked_by: string;
}

export interface MigrationTable {
  name: string;
  checksum: string;
  applied_at: number;
}

/** What keys, users and teams have spent since the beginning, with what was carried over or reset. Triggers keep it. */
interface SpendRankTable {
  /** `key`, `user` or `team`. */
  dimension: string;
  entity: string;
  spend_nano: bigint;
}

export interface Schema extends ObjectTables {
  spend: SpendTable;
  /** Interrupted rows that a final record replaced after they had been rolled up: to be subtracted at the next run. */
  spend_replaced: Omit<SpendTable, "seq">;
  rollup_hour: RollupPeriodTable;
  rollup_day: RollupPeriodTable;
  rollup_total: RollupTotalTable;
  spend_rank: SpendRankTable;
  watermark: WatermarkTable;
  retention: RetentionTable;
  response: ResponseTable;
  health_check: HealthCheckTable;
  resource: ResourceTable;
  deferred_cost: DeferredCostTable;
  schema_migration: MigrationTable;
}
