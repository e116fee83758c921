import { type RawBuilder, sql } from "kysely";
import type { SpendTable } from "../store/schema.ts";
import type { SpendRecord } from "./record.ts";

/** Which rows are meant; all that is given must hold. */
export interface RecordFilter {
  readonly id?: string;
  /** Either of two: whose rows a caller may see who has a key and a user. */
  readonly owner?: { readonly keyHash: string; readonly userId?: string };
  readonly keyHash?: string;
  readonly keyAlias?: string;
  readonly userId?: string;
  readonly teamId?: string;
  readonly organizationId?: string;
  readonly endUser?: string;
  readonly sessionId?: string;
  readonly deploymentId?: string;
  readonly model?: string;
  readonly modelGroup?: string;
  readonly status?: SpendRecord["status"];
  /** Any status but this. */
  readonly statusNot?: SpendRecord["status"];
  readonly cacheHit?: boolean;
  readonly errorCode?: string;
  /** Part of the message; case does not count. */
  readonly errorText?: string;
  readonly keyHashNot?: string;
  /** One of these call types, or none of these. */
  readonly callTypes?: readonly string[];
  readonly callTypesNot?: readonly string[];
  /** Whether `metadata` says so by a member of this name. */
  readonly marked?: { readonly name: string; readonly is: boolean };
  /** Nano-dollars, inclusive. */
  readonly minCost?: bigint;
  readonly maxCost?: bigint;
  /** Part of the request's id, the caller's id, the model or the key's alias; case does not count. */
  readonly search?: string;
  /** Earliest start, inclusive, in milliseconds since the epoch. */
  readonly from?: number;
  /** Latest start, exclusive. */
  readonly to?: number;
}
export type Condition = RawBuilder<unknown>;

const EQUAL = [
  ["id", "id"],
  ["keyHash", "key_hash"],
  ["keyAlias", "key_alias"],
  ["userId", "user_id"],
  ["teamId", "team_id"],
  ["organizationId", "organization_id"],
  ["endUser", "end_user"],
  ["sessionId", "session_id"],
  ["deploymentId", "deployment_id"],
  ["model", "model"],
  ["modelGroup", "model_group"],
  ["status", "status"],
  ["errorCode", "error_code"],
] as const satisfies readonly (readonly [keyof RecordFilter, keyof SpendTable])[];

/** What must hold of a row. */
export function conditionsOf(filter: RecordFilter): Condition[] {
  const conditions: Condition[] = [];
  for (const [name, column] of EQUAL) {
    const value = filter[name];
    if (value !== undefined) conditions.push(sql`${sql.ref(column)} = ${value}`);
  }
  const { owner, from, to, minCost, maxCost, cacheHit, statusNot, errorText, search } = filter;
  if (owner !== undefined) {
    conditions.push(
      owner.userId === undefined
        ? sql`key_hash = ${owner.keyHash}`
        : sql`(key_hash = ${owner.keyHash} OR user_id = ${owner.userId})`,
    );
  }
  if (from !== undefined) conditions.push(sql`started_at >= ${from}`);
  if (to !== undefined) conditions.push(sql`started_at < ${to}`);
  if (minCost !== undefined) conditions.push(sql`cost_nano >= ${minCost}`);
  if (maxCost !== undefined) conditions.push(sql`cost_nano <= ${maxCost}`);
  if (cacheHit === true) conditions.push(sql`cache_hit = 1`);
  if (cacheHit === false) conditions.push(sql`coalesce(cache_hit, 0) = 0`);
  if (statusNot !== undefined) conditions.push(sql`status <> ${statusNot}`);
  if (errorText !== undefined) conditions.push(contains("error_message", errorText));
  const { keyHashNot, callTypes, callTypesNot, marked } = filter;
  if (keyHashNot !== undefined) conditions.push(sql`key_hash <> ${keyHashNot}`);
  if (callTypes !== undefined) conditions.push(sql`call_type IN (${sql.join([...callTypes])})`);
  if (callTypesNot !== undefined) conditions.push(sql`call_type NOT IN (${sql.join([...callTypesNot])})`);
  if (marked !== undefined) {
    const found = sql`coalesce(metadata, '') LIKE ${`%"${marked.name}":true%`}`;
    conditions.push(marked.is ? found : sql`NOT (${found})`);
  }
  if (search !== undefined) {
    const columns = ["id", "call_id", "model", "key_alias"] as const;
    conditions.push(
      sql`(${sql.join(
        columns.map((column) => contains(column, search)),
        sql` OR `,
      )})`,
    );
  }
  return conditions;
}

function contains(column: keyof SpendTable, text: string): Condition {
  const pattern = `%${text.toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
  return sql`lower(${sql.ref(column)}) LIKE ${pattern} ESCAPE '\\'`;
}

/** The clause with all of them; nothing where there are none. */
export function whereAll(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`` : sql`WHERE ${sql.join([...conditions], sql` AND `)}`;
}
