import { randomBytes } from "node:crypto";
import { KEY_TYPE_ROUTES } from "../../auth/allowed-routes.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { archive } from "../../store/objects/archived-objects.ts";
import { forgetReplacedTokens, type KeyRow, keys, replaceToken } from "../../store/objects/keys.ts";
import { Authority } from "../authority.ts";
import { type Actor, type Change, change } from "../change.ts";
import { expiryFor, resetFor } from "../fields.ts";
import type { Management } from "../management.ts";
import { isoTime, listOf, nanoOf, settingsOf } from "../object-shape.ts";
import { parseInput } from "../parse-input.ts";
import { badRequest, keyNotFound } from "../refusals.ts";
import { requireAliasFormat, requireGeneratedSecret, requireKeyPolicy } from "./key-policy.ts";
import {
  applyKeyDefaults,
  checkReferences,
  requireFreeAlias,
  requireMayChange,
  requireMayCreate,
  requireMaySet,
} from "./key-rules.ts";
import { auditedKey, generateBody, KEY_SHAPE, keyNameOf, showKey, spendOfKeys, tokenOf } from "./key-shape.ts";
import { ROTATED_SECRET, secretContext } from "./rotated-secret.ts";

/** Bytes of chance in a generated key, as LiteLLM's. */
const KEY_BYTES = 16;

/** Makes a key and returns it in full, which is the only time that it is shown. */
export async function generateKey(
  actor: Actor,
  body: JsonObject,
  options: {
    readonly route: string;
    readonly service?: boolean;
    /** A key that comes with a new user: nobody asked for it by itself, so no policy for keys concerns it. */ readonly ofNewUser?: boolean;
  },
): Promise<MutableJsonObject> {
  const { management } = actor;
  requireGeneratedSecret(management, body.key);
  requireAliasFormat(management, body.key_alias);
  const fields: MutableJsonObject = { ...body };
  applyKeyDefaults(management, fields);
  // What the configuration filled in is held to the same rules as what the caller wrote.
  parseInput(generateBody, fields, "body");
  const key = newKey(fields.key);
  const token = tokenOf(key);
  if (fields.key_type !== undefined && fields.key_type !== null && fields.allowed_routes === undefined) {
    fields.allowed_routes = [...(KEY_TYPE_ROUTES[String(fields.key_type)] ?? [])];
  }
  const row = await change(actor, async ({ connection, now, by, record }) => {
    const authority = new Authority(actor.principal, connection);
    if (options.service !== true && !authority.isAdmin) fields.user_id ??= actor.principal.userId;
    if (options.service === true) {
      fields.user_id = null;
      fields.metadata = { ...(fields.metadata as JsonObject | null), service_account_id: fields.key_alias ?? token };
    }
    const team = await checkReferences(connection, fields);
    // Routes that come from `key_type` narrow; only routes that the caller wrote need an administrator.
    await requireMayCreate(
      authority,
      connection,
      { ...fields, allowed_routes: body.allowed_routes },
      team,
      options.route,
    );
    if (options.ofNewUser !== true) await requireKeyPolicy(management, authority, body, team);
    await requireFreeAlias(connection, fields.key_alias);
    if ((await keys.find(connection, token)) !== undefined) throw badRequest("Key already exists", "key");
    fields.organization_id ??= team?.organization_id;
    // A team says how long the keys of its members are good that say nothing themselves.
    if (team !== undefined && typeof fields.user_id === "string" && fields.duration === undefined) {
      fields.duration = settingsOf({ ...team }).team_member_key_duration;
    }
    const inserted = {
      ...KEY_SHAPE.insert({
        ...fields,
        key_name: keyNameOf(key),
        expires: expiryFor(now, fields.duration as string | null | undefined) ?? null,
        budget_reset_at: resetFor(management, fields.budget_duration as string | null | undefined) ?? null,
        ...rotation(fields, now),
        created_at: now,
        created_by: by,
        updated_at: now,
        updated_by: by,
      }),
      token,
      spend_offset_nano: typeof fields.spend === "number" ? nanoOf(fields.spend) : 0n,
      previous_tokens: "[]",
    } as unknown as KeyRow;
    await keys.insert(connection, inserted);
    await record("key", "created", token, null, auditedKey(inserted));
    return inserted;
  });
  return withKey(management, row, key);
}

/** Changes a key; only fields that are there change, null clears. Returns the key as it then is. */
export async function updateKey(actor: Actor, key: string, body: JsonObject): Promise<MutableJsonObject> {
  const { management } = actor;
  if ((body.temp_budget_increase === undefined) !== (body.temp_budget_expiry === undefined)) {
    throw badRequest("temp_budget_increase and temp_budget_expiry must be set together", "temp_budget_expiry");
  }
  const token = tokenOf(key);
  management.declared.requireOwn("key", token);
  requireAliasFormat(management, body.key_alias);
  const spent = typeof body.spend === "number" ? await ledgerSpend(management, token) : 0n;
  const row = await change(actor, async ({ connection, now, by, record }) => {
    const before = await keys.lock(connection, token);
    if (before === undefined) throw keyNotFound();
    const authority = new Authority(actor.principal, connection);
    const standing = await requireMayChange(authority, connection, before, "/key/update");
    await requireMaySet(authority, connection, before, body, standing);
    await checkReferences(connection, body);
    await requireFreeAlias(connection, body.key_alias, token);
    const after = { ...before, ...patchOf(management, before, body, now, by, spent) };
    await keys.update(connection, token, after);
    await record("key", "updated", token, auditedKey(before), auditedKey(after));
    return after;
  });
  return showKey(management, management.database.kysely, row);
}

/** The changed columns of a key. `spent`: what the ledger says of it, where `spend` is among the fields. */
function patchOf(
  management: Management,
  before: KeyRow,
  body: JsonObject,
  now: number,
  by: string,
  spent: bigint,
): Partial<KeyRow> {
  const budgetDuration = body.budget_duration as string | null | undefined;
  return {
    ...KEY_SHAPE.update(
      { ...before },
      {
        ...body,
        expires: expiryFor(now, body.duration as string | null | undefined),
        budget_reset_at: resetFor(management, budgetDuration),
        ...(ROTATING.some((name) => body[name] !== undefined)
          ? rotation({ ...settingsOf({ ...before }), ...body }, now)
          : {}),
      },
    ),
    ...(typeof body.spend === "number" ? { spend_offset_nano: nanoOf(body.spend) - spent } : {}),
    updated_at: now,
    updated_by: by,
  };
}

/** Fields of a change after which the next rotation is counted from now. */
const ROTATING = ["auto_rotate", "rotation_interval", "last_rotation_at"] as const;

function rotation(fields: JsonObject, now: number): JsonObject {
  if (fields.auto_rotate !== true) return {};
  const interval = fields.rotation_interval;
  if (typeof interval !== "string") {
    throw badRequest("auto_rotate needs a rotation_interval such as 30d", "rotation_interval");
  }
  const at = expiryFor(now, interval);
  return { key_rotation_at: at === null || at === undefined ? null : isoTime(at) };
}

/**
 * Replaces a key's secret. The key keeps its fields, its owner and its spend; with `grace_period` the old secret goes on
 * working until then, without it ends at once. Fields of the body are changed along.
 */
export async function regenerateKey(
  actor: Actor,
  key: string,
  body: JsonObject,
  options: {
    /** Its holder was not there: the new secret is kept, sealed, for it to ask. */ readonly keepSealed?: boolean;
  } = {},
): Promise<MutableJsonObject> {
  const { management } = actor;
  const old = tokenOf(key);
  management.declared.requireOwn("key", old);
  requireGeneratedSecret(management, body.new_key);
  requireAliasFormat(management, body.key_alias);
  const fresh = newKey(body.new_key);
  const token = tokenOf(fresh);
  const spent = typeof body.spend === "number" ? await ledgerSpend(management, old) : 0n;
  const row = await change(actor, async ({ connection, now, by, record }) => {
    const before = await keys.lock(connection, old);
    if (before === undefined) throw keyNotFound();
    const authority = new Authority(actor.principal, connection);
    const standing = await requireMayChange(authority, connection, before, "/key/regenerate");
    await requireMaySet(authority, connection, before, body, standing);
    await checkReferences(connection, body);
    await requireFreeAlias(connection, body.key_alias, old);
    if (token === old || (await keys.find(connection, token)) !== undefined) {
      throw badRequest("Key already exists", "new_key");
    }
    const settings = settingsOf({ ...before });
    const fields = {
      ...body,
      key_name: keyNameOf(fresh),
      rotation_count: Number(settings.rotation_count ?? 0) + 1,
      last_rotation_at: isoTime(now),
    };
    const patched = { ...before, ...patchOf(management, before, fields, now, by, spent) };
    const kept = settingsOf({ ...patched });
    const sealed = options.keepSealed === true ? management.secrets.seal(fresh, secretContext(token)) : undefined;
    const after: KeyRow = {
      ...patched,
      settings: JSON.stringify({ ...kept, [ROTATED_SECRET]: sealed }),
      token,
      previous_tokens: JSON.stringify([...listOf(before.previous_tokens), old]),
    };
    await keys.update(connection, old, after);
    const revokeAt = expiryFor(now, (body.grace_period as string | null | undefined) ?? null) ?? now;
    await replaceToken(connection, { old, token, revokeAt });
    await record("key", "rotated", token, auditedKey(before), auditedKey(after));
    // Whoever keeps a copy by the old token has to let it go, too.
    await record("key", "rotated", old, auditedKey(before), auditedKey(after));
    return after;
  });
  return withKey(management, row, fresh);
}

/** Deletes keys, all or none; what they were stays in the archive. */
export async function deleteKeys(
  actor: Actor,
  named: {
    readonly keys?: readonly string[] | null | undefined;
    readonly key_aliases?: readonly string[] | null | undefined;
  },
): Promise<readonly string[]> {
  const asked = named.keys ?? named.key_aliases ?? [];
  if (asked.length === 0) throw badRequest("keys or key_aliases must be given", "keys");
  const { management } = actor;
  const byAlias = named.keys === undefined || named.keys === null;
  const wanted = byAlias ? asked : asked.map(tokenOf);
  const rows = await keys.findMany(management.database.kysely, wanted, byAlias ? "key_alias" : "token");
  if (rows.length !== new Set(wanted).size) throw keyNotFound("keys");
  await deleteKeyRows(actor, rows);
  return [...asked];
}

export async function deleteKeyRows(actor: Actor, rows: readonly KeyRow[], authorise = true): Promise<void> {
  const { management } = actor;
  for (const row of rows) management.declared.requireOwn("key", row.token);
  const shown = await Promise.all(rows.map((row) => showKey(management, management.database.kysely, row)));
  await change(actor, async (transaction) => {
    const { connection } = transaction;
    const authority = new Authority(actor.principal, connection);
    for (const row of rows) {
      if (authorise) await requireMayChange(authority, connection, row, "/key/delete");
      if ((await keys.lock(connection, row.token)) === undefined) throw keyNotFound("keys");
    }
    await removeKeyRows(transaction, rows, shown);
  });
}

/** Deletes keys in a transaction; `shown`: what the archive keeps of each. */
export async function removeKeyRows(
  { connection, now, by, record }: Change,
  rows: readonly KeyRow[],
  shown: readonly JsonObject[],
): Promise<void> {
  const tokens = rows.map((row) => row.token);
  await archive(
    connection,
    "key",
    rows.map((row, at) => ({ id: row.token, deletedAt: now, deletedBy: by, data: JSON.stringify(shown[at]) })),
  );
  await forgetReplacedTokens(connection, tokens);
  await keys.delete(connection, tokens);
  for (const row of rows) await record("key", "deleted", row.token, auditedKey(row), null);
}

export async function setBlocked(actor: Actor, key: string, blocked: boolean): Promise<MutableJsonObject> {
  const { management } = actor;
  const token = tokenOf(key);
  management.declared.requireOwn("key", token);
  const row = await change(actor, async ({ connection, now, by, record }) => {
    const before = await keys.lock(connection, token);
    if (before === undefined) throw keyNotFound();
    const authority = new Authority(actor.principal, connection);
    const route = blocked ? "/key/block" : "/key/unblock";
    const standing = await requireMayChange(authority, connection, before, route);
    await requireMaySet(authority, connection, before, { blocked }, standing);
    const after: KeyRow = { ...before, blocked: blocked ? 1 : 0, updated_at: now, updated_by: by };
    await keys.update(connection, token, after);
    await record("key", blocked ? "blocked" : "unblocked", token, auditedKey(before), auditedKey(after));
    return after;
  });
  return showKey(management, management.database.kysely, row);
}

/** What the ledger says that a key spent, nano-dollars; what was reset or carried over does not count. */
export async function ledgerSpend(management: Management, token: string): Promise<bigint> {
  const row = await keys.find(management.database.kysely, token);
  if (row === undefined) throw keyNotFound();
  return (await spendOfKeys(management, [{ ...row, spend_offset_nano: 0n }])).get(token) ?? 0n;
}

function newKey(wanted: unknown): string {
  if (typeof wanted !== "string") return `sk-${randomBytes(KEY_BYTES).toString("base64url")}`;
  if (!/^sk-[\x21-\x7e]+$/.test(wanted)) {
    throw badRequest(
      `Invalid key format. LiteLLM Virtual Key must start with 'sk-' and have no spaces. Received: ${wanted.slice(0, 4)}****`,
      "key",
    );
  }
  return wanted;
}

async function withKey(management: Management, row: KeyRow, key: string): Promise<MutableJsonObject> {
  const shown = await showKey(management, management.database.kysely, row);
  return { key, token_id: row.token, ...shown };
}
