import { sql } from "kysely";
import type { Database } from "../store/database.ts";
import { spendSince } from "../store/objects/spend-since.ts";
import { modelGroupSpend, spendTotals } from "../store/objects/spend-totals.ts";
import type { ReadSpend } from "./counters.ts";
import { tokenHash } from "./token-hash.ts";

/** Reads from the ledger's rollups and the rows behind them, so that nothing that reached the database is missed. */
export function readSpendFrom(database: Database): ReadSpend {
  const { kysely } = database;
  return async (source) => {
    switch (source.dimension) {
      case "member": {
        const rows = await kysely
          .selectFrom("virtual_key")
          .select(["token", "previous_tokens"])
          .where("team_id", "=", source.teamId)
          .where("user_id", "=", source.userId)
          .execute();
        const tokens = [...tokensOf(rows), tokenHash(source.userId, source.teamId)];
        return sum(await spendTotals(kysely, "key", tokens));
      }
      case "project": {
        const rows = await kysely
          .selectFrom("virtual_key")
          .select(["token", "previous_tokens"])
          .where("project_id", "=", source.projectId)
          .execute();
        return sum(await spendTotals(kysely, "key", tokensOf(rows)));
      }
      case "key-model": {
        const { keyHash, model, since } = source;
        const { rows } = await sql<{ cost: bigint | number | null }>`
          SELECT sum(cost_nano) AS cost FROM spend
          WHERE key_hash = ${keyHash} AND started_at >= ${since} AND model_group = ${model}`.execute(kysely);
        return BigInt(rows[0]?.cost ?? 0);
      }
      case "team-model": {
        const { teamId, model, since } = source;
        const { rows } = await sql<{ cost: bigint | number | null }>`
          SELECT sum(cost_nano) AS cost FROM spend
          WHERE team_id = ${teamId} AND started_at >= ${since} AND model_group = ${model}`.execute(kysely);
        return BigInt(rows[0]?.cost ?? 0);
      }
      case "window": {
        const column = sql.ref(source.of === "key" ? "key_hash" : "team_id");
        const { rows } = await sql<{ cost: bigint | number | null }>`
          SELECT sum(cost_nano) AS cost FROM spend
          WHERE ${column} IN (${sql.join([...source.entities])}) AND started_at >= ${source.since}`.execute(kysely);
        return BigInt(rows[0]?.cost ?? 0);
      }
      case "since":
        return spendSince(kysely, source.of, source.entity, source.since);
      case "none":
        return 0n;
      case "model-groups":
        return modelGroupSpend(kysely, source.models, source.since);
      default:
        return sum(await spendTotals(kysely, source.dimension, source.entities));
    }
  };
}

function tokensOf(rows: readonly { readonly token: string; readonly previous_tokens: string }[]): string[] {
  return rows.flatMap((row) => [row.token, ...(JSON.parse(row.previous_tokens) as string[])]);
}

function sum(totals: ReadonlyMap<string, bigint>): bigint {
  let total = 0n;
  for (const amount of totals.values()) total += amount;
  return total;
}
