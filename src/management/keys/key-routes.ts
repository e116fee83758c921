import { z } from "zod";
import { MASTER_KEY_NAME } from "../../auth/principal.ts";
import { asArray, asObject, type JsonObject, parseJson } from "../../json/json.ts";
import { keys } from "../../store/objects/keys.ts";
import { Authority } from "../authority.ts";
import { type Actor, change } from "../change.ts";
import * as f from "../fields.ts";
import { dollars, nanoOf } from "../object-shape.ts";
import { badRequest, forbidden, keyNotFound, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { requireMayChange, seesKey } from "./key-rules.ts";
import { auditedKey, generateBody, showKey, showKeys, spendOfKeys, tokenOf, updateBody } from "./key-shape.ts";
import { listAliases, listKeys } from "./list-keys.ts";
import { sealForMasterKey } from "./new-master-key.ts";
import { deleteKeys, generateKey, ledgerSpend, regenerateKey, setBlocked, updateKey } from "./write-keys.ts";

const TAG = "key management";
const keyOnly = z.object({ key: f.key });
const regenerateBody = z.object({
  ...generateBody.shape,
  new_key: f.key.nullish(),
  new_master_key: f.key.nullish(),
  grace_period: f.duration,
});
const bulkItem = z.object({
  key: f.key,
  budget_id: f.optionalName,
  max_budget: f.money,
  team_id: f.optionalName,
  tags: f.optionalNames,
});
const page = z.int().min(1).default(1);

export const keyRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/key/generate",
    permission: "manage",
    tag: TAG,
    summary: "Make a key; the answer is the only place where it is shown",
    body: generateBody,
    handle: ({ body, ...actor }) => generateKey(actor, body as JsonObject, { route: "/key/generate" }),
  }),
  route({
    method: "POST",
    path: "/key/service-account/generate",
    permission: "manage",
    tag: TAG,
    summary: "Make a key that belongs to a team and to no user",
    body: generateBody,
    handle: ({ body, ...actor }) => {
      if (typeof body.team_id !== "string") {
        throw badRequest(
          "team_id is required for service account keys. Please specify `team_id` in the request body.",
          "team_id",
        );
      }
      return generateKey(actor, body as JsonObject, { route: "/key/service-account/generate", service: true });
    },
  }),
  route({
    method: "POST",
    path: "/key/update",
    permission: "manage",
    tag: TAG,
    summary: "Change a key; only fields that are sent change, null clears",
    body: updateBody,
    handle: async ({ body, ...actor }) => {
      const { key, ...fields } = body;
      if (typeof key !== "string") throw badRequest("key is required", "key");
      return { ...(await updateKey(actor, key, fields as JsonObject)), key };
    },
  }),
  route({
    method: "POST",
    path: "/key/bulk_update",
    permission: "admin",
    tag: TAG,
    summary: "Change many keys; each succeeds or fails for itself",
    body: z.object({ keys: z.array(bulkItem).min(1).max(500) }),
    handle: ({ body, ...actor }) => bulkUpdate(actor, body.keys as readonly JsonObject[]),
  }),
  route({
    method: "POST",
    path: "/key/delete",
    permission: "manage",
    tag: TAG,
    summary: "Delete keys, all or none",
    body: z.object({ keys: f.keyList, key_aliases: f.optionalNames }),
    handle: async ({ body, ...actor }) => ({ deleted_keys: await deleteKeys(actor, body) }),
  }),
  route({
    method: "GET",
    path: "/key/info",
    permission: "key",
    tag: TAG,
    summary: "A key, by itself or by its hash; the caller's own where none is named",
    query: { key: f.key.nullish() },
    handle: async ({ query, management, principal }) => {
      const named = query.key ?? principal.keyHash;
      const row = await keys.find(management.database.kysely, tokenOf(named));
      if (row === undefined) throw keyNotFound();
      if (!(await seesKey(new Authority(principal, management.database.kysely), management.database.kysely, row))) {
        throw forbidden(`You are not allowed to access this key's info. Your role=${principal.role}`);
      }
      const { token: _, ...info } = await showKey(management, management.database.kysely, row);
      return { key: named, info };
    },
  }),
  route({
    method: "POST",
    path: "/v2/key/info",
    permission: "view",
    tag: TAG,
    summary: "Many keys at once",
    body: z.object({ keys: f.keyList, key_aliases: f.optionalNames }),
    handle: async ({ body, management }) => {
      const connection = management.database.kysely;
      const rows = [
        ...(await keys.findMany(connection, (body.keys ?? []).map(tokenOf))),
        ...(await keys.findMany(connection, body.key_aliases ?? [], "key_alias")),
      ];
      return { key: [...(body.keys ?? body.key_aliases ?? [])], info: await showKeys(management, connection, rows) };
    },
  }),
  route({
    method: "GET",
    path: "/key/list",
    permission: "own",
    tag: TAG,
    summary: "Keys, page by page",
    query: {
      page,
      size: z.int().min(1).max(100).default(10),
      user_id: f.optionalName,
      team_id: f.optionalName,
      organization_id: f.optionalName,
      key_hash: f.optionalName,
      key_alias: f.optionalName,
      search: f.optionalName,
      return_full_object: z.boolean().default(false),
      include_team_keys: z.boolean().default(false),
      include_created_by_keys: z.boolean().default(false),
      sort_by: f.optionalName,
      sort_order: z.enum(["asc", "desc"]).default("desc"),
      expand: f.optionalNames,
      status: f.optionalName,
      project_id: f.optionalName,
      access_group_id: f.optionalName,
      agent_id: f.optionalName,
      substring_matching: z.boolean().default(false),
      expires: f.optionalName,
    },
    handle: ({ query, management, principal }) =>
      listKeys(management, new Authority(principal, management.database.kysely), query),
  }),
  route({
    method: "GET",
    path: "/key/aliases",
    permission: "own",
    tag: TAG,
    summary: "Aliases of keys, page by page",
    query: { page, size: z.int().min(1).max(500).default(50), search: f.optionalName, team_id: f.optionalName },
    handle: ({ query, management, principal }) =>
      listAliases(management, new Authority(principal, management.database.kysely), query),
  }),
  ...["/key/{key}/regenerate", "/key/regenerate"].map((path) =>
    route({
      method: "POST",
      path,
      permission: "manage",
      tag: TAG,
      summary: "Replace a key's secret; with grace_period the old one goes on working until then",
      body: regenerateBody,
      query: { key: f.key.nullish() },
      handle: ({ body, query, params, ...actor }) => {
        const { key, new_master_key, ...fields } = body;
        if (typeof new_master_key === "string") return sealForMasterKey(actor, new_master_key);
        const named = params.key ?? query.key ?? key;
        if (typeof named !== "string") throw badRequest("key is required", "key");
        return regenerateKey({ ...actor }, named, fields as JsonObject);
      },
    }),
  ),
  ...([true, false] as const).map((blocked) =>
    route({
      method: "POST",
      path: blocked ? "/key/block" : "/key/unblock",
      permission: "manage",
      tag: TAG,
      summary: blocked ? "Refuse a key until it is unblocked" : "Let a blocked key in again",
      body: keyOnly,
      handle: ({ body, ...actor }) => setBlocked(actor, body.key, blocked),
    }),
  ),
  route({
    method: "POST",
    path: "/key/{key}/reset_spend",
    permission: "manage",
    tag: TAG,
    summary: "Set what a key counts as spent to a lower figure",
    body: z.object({ reset_to: f.requiredMoney }),
    handle: ({ body, params, ...actor }) => resetSpend(actor, params.key ?? "", body.reset_to),
  }),
  route({
    method: "POST",
    path: "/key/health",
    permission: "key",
    tag: TAG,
    summary: "Whether the key's own logging works",
    handle: async ({ principal, management }) => {
      const row = await keys.find(management.database.kysely, principal.keyHash);
      if (row === undefined && principal.keyHash !== MASTER_KEY_NAME) throw keyNotFound();
      const metadata = row === undefined ? undefined : asObject(parseJson(row.metadata));
      const callbacks = asArray(metadata?.logging).map((one) => String(asObject(one)?.callback_name));
      if (callbacks.length === 0) return { key: "healthy", logging_callbacks: null };
      const details = "Logging of a single key is not supported yet: nothing is sent";
      return { key: "unhealthy", logging_callbacks: { callbacks, status: "unhealthy", details } };
    },
  }),
];

async function bulkUpdate(actor: Actor, items: readonly JsonObject[]): Promise<JsonObject> {
  const successful: JsonObject[] = [];
  const failed: JsonObject[] = [];
  for (const { key, ...fields } of items) {
    const named = String(key);
    try {
      successful.push({ key: named, key_info: await updateKey(actor, named, fields) });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failed.push({ key: tokenOf(named), key_info: null, failed_reason: error.message });
    }
  }
  return { total_requested: items.length, successful_updates: successful, failed_updates: failed };
}

async function resetSpend(actor: Actor, key: string, to: number): Promise<JsonObject> {
  const { management } = actor;
  const token = tokenOf(key);
  const spent = await ledgerSpend(management, token);
  const { before, row } = await change(actor, async ({ connection, now, by, record }) => {
    const old = await keys.lock(connection, token);
    if (old === undefined) throw keyNotFound();
    const standing = await requireMayChange(
      new Authority(actor.principal, connection),
      connection,
      old,
      "/key/{key_id}/reset_spend",
    );
    if (standing === "owner") throw forbidden("Only proxy, organization and team admins can reset a key's spend");
    const current = spent + old.spend_offset_nano;
    const wanted = nanoOf(to);
    if (wanted > current) throw refused(400, `reset_to must be at most the current spend of ${dollars(current)}`);
    if (old.max_budget_nano !== null && wanted > old.max_budget_nano) {
      throw refused(400, `reset_to must be at most the max_budget of ${dollars(old.max_budget_nano)}`);
    }
    const after = { ...old, spend_offset_nano: wanted - spent, updated_at: now, updated_by: by };
    await keys.update(connection, token, after);
    await record("key", "updated", token, auditedKey(old), { ...auditedKey(after), spend: to });
    return { before: current, row: after };
  });
  const now = await spendOfKeys(management, [row]);
  const shown = await showKey(management, management.database.kysely, row);
  return {
    key_hash: token,
    spend: dollars(now.get(token) ?? 0n),
    previous_spend: dollars(before < 0n ? 0n : before),
    max_budget: shown.max_budget,
    budget_reset_at: shown.budget_reset_at,
  };
}
