import { createHash } from "node:crypto";
import type { SpendTable } from "../store/schema.ts";
import type { Buckets } from "../usage/usage.ts";
import type { AttemptRecord, SpendRecord, SpendStatus } from "./record.ts";

/** The columns of `spend` in the order of `spendValues`. */
export const SPEND_COLUMNS = [
  "id",
  "status",
  "started_at",
  "ended_at",
  "first_content_at",
  "call_type",
  "model_group",
  "model",
  "provider",
  "deployment_id",
  "api_base",
  "key_hash",
  "key_alias",
  "user_id",
  "team_id",
  "organization_id",
  "end_user",
  "session_id",
  "requester_ip",
  "stream",
  "cache_hit",
  "http_status",
  "error_code",
  "error_message",
  "price",
  "estimated",
  "cost_nano",
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "tags",
  "buckets",
  "attempts",
  "metadata",
  "call_id",
] as const satisfies readonly (keyof SpendTable)[];

export type SpendColumn = (typeof SPEND_COLUMNS)[number];

export type ColumnValue = string | number | bigint | null;

const INTEGER = /^-?\d{1,19}$/;

/** Bytes of UTF-8 that a name may have: eight of them are the key of a rollup row, and PostgreSQL indexes 2,704 bytes. */
const NAME_BYTES = 240;

/**
 * A name as it is kept: without what a database cannot store as text, and where it is too long for an index, its
 * beginning and a checksum of the whole, so that different names stay different.
 */
function nameValue(name: string): string {
  const text = textValue(name);
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= NAME_BYTES || Buffer.byteLength(text) <= NAME_BYTES) return text;
  const checksum = createHash("sha256").update(text).digest("hex").slice(0, 16);
  let end = Math.floor((NAME_BYTES - checksum.length - 1) / 3);
  if (/[\ud800-\udbff]/.test(text[end - 1] ?? "")) end--;
  return `${text.slice(0, end)}~${checksum}`;
}

/** Text as both databases can keep it: PostgreSQL has no NUL, and half a surrogate pair is not Unicode. */
function textValue(text: string): string {
  return text.includes("\0") || !text.isWellFormed() ? text.toWellFormed().replaceAll("\0", "\uFFFD") : text;
}

const nameOrNull = (name: string | undefined) => (name === undefined ? null : nameValue(name));

/** The record as values for `SPEND_COLUMNS`. Throws a RangeError when an amount of money is not an integer. */
export function spendValues(record: SpendRecord): ColumnValue[] {
  if (!INTEGER.test(record.cost)) throw new RangeError(`cost ${JSON.stringify(record.cost)} is not an integer`);
  const { buckets, tags } = record;
  return [
    record.id,
    record.status,
    record.startedAt,
    record.endedAt,
    record.firstContentAt ?? null,
    nameValue(record.callType),
    nameValue(record.modelGroup),
    nameValue(record.model),
    nameValue(record.provider),
    nameValue(record.deploymentId),
    textValue(record.apiBase),
    nameValue(record.keyHash),
    nameOrNull(record.keyAlias),
    nameOrNull(record.userId),
    nameOrNull(record.teamId),
    nameOrNull(record.organizationId),
    nameOrNull(record.endUser),
    nameOrNull(record.sessionId),
    nameOrNull(record.requesterIp),
    record.stream ? 1 : 0,
    record.cacheHit === undefined ? null : record.cacheHit ? 1 : 0,
    record.httpStatus,
    record.errorCode ?? null,
    record.errorMessage === undefined ? null : textValue(record.errorMessage),
    record.price,
    record.estimated === true ? 1 : 0,
    BigInt(record.cost),
    record.promptTokens,
    record.completionTokens,
    record.totalTokens,
    (buckets.cache_read ?? 0) + (buckets.cache_read_audio ?? 0),
    (buckets.cache_write_5m ?? 0) + (buckets.cache_write_1h ?? 0),
    // A tag that is given twice is one tag: a request counts once in its total.
    tags === undefined || tags.length === 0 ? null : JSON.stringify([...new Set(tags.map(nameValue))]),
    JSON.stringify(buckets),
    JSON.stringify(record.attempts),
    record.metadata === undefined ? null : JSON.stringify(record.metadata),
    nameOrNull(record.callId),
  ];
}

/** The row as the record that it was made from; members that were absent are absent again. */
export function recordOf(row: Omit<SpendTable, "seq">): SpendRecord {
  return {
    id: row.id,
    status: row.status as SpendStatus,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    callType: row.call_type,
    modelGroup: row.model_group,
    model: row.model,
    provider: row.provider,
    deploymentId: row.deployment_id,
    apiBase: row.api_base,
    keyHash: row.key_hash,
    cost: String(row.cost_nano),
    price: row.price as SpendRecord["price"],
    buckets: JSON.parse(row.buckets) as Buckets,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    totalTokens: row.total_tokens,
    stream: row.stream === 1,
    httpStatus: row.http_status,
    attempts: JSON.parse(row.attempts) as AttemptRecord[],
    ...(row.estimated === 1 ? { estimated: true } : {}),
    ...(row.first_content_at === null ? {} : { firstContentAt: row.first_content_at }),
    ...(row.key_alias === null ? {} : { keyAlias: row.key_alias }),
    ...(row.user_id === null ? {} : { userId: row.user_id }),
    ...(row.team_id === null ? {} : { teamId: row.team_id }),
    ...(row.organization_id === null ? {} : { organizationId: row.organization_id }),
    ...(row.end_user === null ? {} : { endUser: row.end_user }),
    ...(row.session_id === null ? {} : { sessionId: row.session_id }),
    ...(row.requester_ip === null ? {} : { requesterIp: row.requester_ip }),
    ...(row.cache_hit === null ? {} : { cacheHit: row.cache_hit === 1 }),
    ...(row.error_code === null ? {} : { errorCode: row.error_code }),
    ...(row.error_message === null ? {} : { errorMessage: row.error_message }),
    ...(row.tags === null ? {} : { tags: JSON.parse(row.tags) as string[] }),
    ...(row.call_id === null ? {} : { callId: row.call_id }),
    ...(row.metadata === null ? {} : { metadata: JSON.parse(row.metadata) as Record<string, unknown> }),
  };
}
