import { ignored, type Key, later, supported } from "../key.ts";
import { amount, anything, count, flag, map, text, texts } from "../value-type.ts";

const deployment = later("deployment");
const keys = later("keys");
const deletion = "whole days of rows are deleted, in PostgreSQL a partition at a time";
const rows = "budgets and reports are sums of the rows; `maximum_spend_logs_retention_period` says how long they stay";
const prisma = "it concerns the database client of the Python proxy";

/** The keys of `general_settings` about the database and what is kept in it. */
export const databaseSettings: Readonly<Record<string, Key>> = {
  database_url: supported(text),
  database_connection_pool_limit: supported(count),
  database_connection_timeout: supported(amount),
  database_connection_pool_timeout: supported(amount),
  database_statement_timeout: supported(amount),
  database_lock_timeout: supported(amount),
  database_connect_timeout: supported(amount),
  database_socket_timeout: ignored("`database_statement_timeout` bounds the wait for an answer, too", amount),
  database_max_idle_connection_lifetime: supported(amount),
  database_idle_in_transaction_session_timeout: supported(amount),
  database_extra_connection_params: supported(map),
  allow_requests_on_db_unavailable: deployment(flag),
  use_redis_transaction_buffer: ignored(
    "rows go from the journal to the database in batches, without a stop in Redis",
    flag,
  ),
  database_disable_prepared_statements: supported(flag),
  disable_prisma_schema_update: ignored(prisma, flag),
  database_type: ignored(prisma, text),
  database_args: ignored(prisma, map),

  store_model_in_db: supported(flag),
  supported_db_objects: keys(texts),
  proxy_budget_rescheduler_min_time: supported(amount),
  proxy_budget_rescheduler_max_time: supported(amount),
  disable_reset_budget: supported(flag),
  disable_spend_logs: ignored(rows, flag),
  disable_spend_updates: ignored(rows, flag),
  disable_error_logs: supported(flag),
  store_prompts_in_spend_logs: supported(flag),
  spend_logs_metadata_fields: keys(map),
  use_spend_logs_partitioning: ignored("in PostgreSQL rows are always partitioned by day", flag),
  maximum_spend_logs_retention_period: supported(text),
  maximum_spend_logs_retention_interval: supported(text),
  maximum_spend_logs_cleanup_cron: ignored(deletion, text),
  maximum_spend_logs_cleanup_batch_size: ignored(deletion, count),
  maximum_spend_logs_cleanup_max_batches: ignored(deletion, count),
  maximum_spend_logs_cleanup_run_budget: ignored(deletion, anything),
  maximum_spend_logs_cleanup_batch_timeout: ignored(deletion, anything),
  maximum_autorouter_session_retention_period: keys(text),
  maximum_health_check_retention_period: keys(text),
  maximum_daily_tag_spend_retention_period: keys(text),

  proxy_batch_write_at: ignored("spend is journaled at once and written in batches as it comes", amount),
};
