import type { Database } from "../database.ts";
import type { HealthCheckTable } from "../schema.ts";

/** Days for which results are kept. */
const KEPT_DAYS = 7;
const DAY_MS = 86_400_000;
const ROWS_A_WRITE = 50;

export interface HistoryFilter {
  readonly modelName?: string | undefined;
  readonly status?: "healthy" | "unhealthy" | undefined;
  readonly limit: number;
  readonly offset: number;
}

/** Adds results and forgets those that are older than a week. */
export async function addHealthChecks(database: Database, rows: readonly HealthCheckTable[]): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_A_WRITE) {
    await database.kysely
      .insertInto("health_check")
      .values(rows.slice(from, from + ROWS_A_WRITE))
      .execute();
  }
  const [first] = rows;
  if (first === undefined) return;
  await database.kysely
    .deleteFrom("health_check")
    .where("checked_at", "<", first.checked_at - KEPT_DAYS * DAY_MS)
    .execute();
}

/** Results, newest first, and how many there are in all. */
export async function listHealthChecks(
  database: Database,
  { modelName, status, limit, offset }: HistoryFilter,
): Promise<{ readonly rows: readonly HealthCheckTable[]; readonly total: number }> {
  let query = database.kysely.selectFrom("health_check");
  if (modelName !== undefined) query = query.where("model_name", "=", modelName);
  if (status !== undefined) query = query.where("status", "=", status);
  const rows = await query
    .selectAll()
    .orderBy("checked_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .offset(offset)
    .execute();
  const counted = await query
    .select(({ fn }) => fn.countAll<number | bigint | string>().as("total"))
    .executeTakeFirst();
  return { rows, total: Number(counted?.total ?? 0) };
}

/** The newest result of each deployment. */
export async function latestHealthChecks(database: Database): Promise<readonly HealthCheckTable[]> {
  const newest = database.kysely
    .selectFrom("health_check")
    .select(({ fn }) => ["deployment_id", fn.max("checked_at").as("newest")])
    .groupBy("deployment_id")
    .as("newest");
  return database.kysely
    .selectFrom("health_check")
    .innerJoin(newest, (join) =>
      join
        .onRef("newest.deployment_id", "=", "health_check.deployment_id")
        .onRef("newest.newest", "=", "health_check.checked_at"),
    )
    .selectAll("health_check")
    .execute();
}
