import { asObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Database } from "../database.ts";
import type { ResourceTable } from "../schema.ts";

/** An object that a provider keeps for a caller. */
export interface StoredResource {
  /** As callers know it. */
  readonly id: string;
  readonly kind: string;
  readonly provider: string;
  /** Undefined where the provider was addressed by its name. */
  readonly deploymentId: string | undefined;
  readonly upstreamId: string;
  /** The model group that it was made for. */
  readonly model: string | undefined;
  readonly owner: ResourceOwner;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** What the provider last said of it, with callers' ids. */
  readonly body: JsonObject;
  readonly facts: ResourceFacts;
}

/** Whose it is: the members of the same team and the keys of the same user may use it. */
export interface ResourceOwner {
  readonly keyHash: string;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
}

/** What the gateway found out itself. */
export interface ResourceFacts {
  /** A file of batch requests. */
  readonly batch?: BatchFileFacts;
  /** Copies of a file at other deployments. */
  readonly copies?: readonly ResourceCopy[];
}

/** A file of batch requests, as it was when it was uploaded. */
export interface BatchFileFacts {
  readonly requests: number;
  /** Models that its requests name, as the caller wrote them. */
  readonly models: readonly string[];
  /** Bytes of all requests' bodies. */
  readonly bytes: number;
  /** Sum of the bounds that requests set on their output; tokens. */
  readonly outputTokens: number;
}

export interface ResourceCopy {
  readonly model: string;
  readonly provider: string;
  readonly deploymentId: string;
  readonly upstreamId: string;
}

export interface ResourcePage {
  readonly kind: string;
  readonly owner: ResourceOwner;
  readonly limit: number;
  /** The id behind which the page begins. */
  readonly after?: string | undefined;
  readonly descending: boolean;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
}

/** Ids that one query looks for. */
const MOST_IDS = 500;

/** The queries on what providers keep for callers. */
export class Resources {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** An id that is there already stays as it is. */
  async insert(resources: readonly StoredResource[]): Promise<void> {
    if (resources.length === 0) return;
    await this.#database.kysely
      .insertInto("resource")
      .values(resources.map(rowOf))
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }

  /** Those of the ids that are known and not deleted. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, StoredResource>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#database.kysely
      .selectFrom("resource")
      .selectAll()
      .where("id", "in", ids.slice(0, MOST_IDS))
      .where("deleted_at", "is", null)
      .execute();
    return new Map(rows.map((row) => [row.id, resourceOf(row)]));
  }

  /** Those that a deployment knows by these ids of its own. */
  async findUpstream(deploymentId: string, ids: readonly string[]): Promise<ReadonlyMap<string, StoredResource>> {
    if (ids.length === 0) return new Map();
    const rows = await this.#database.kysely
      .selectFrom("resource")
      .selectAll()
      .where("deployment_id", "=", deploymentId)
      .where("upstream_id", "in", ids.slice(0, MOST_IDS))
      .where("deleted_at", "is", null)
      .execute();
    return new Map(rows.map((row) => [row.upstream_id, resourceOf(row)]));
  }

  /** What the owner may see of a kind, newest first unless asked otherwise; one more than asked tells of a next page. */
  async page(page: ResourcePage): Promise<readonly StoredResource[]> {
    const { keyHash, userId, teamId } = page.owner;
    const order = page.descending ? "desc" : "asc";
    let query = this.#database.kysely
      .selectFrom("resource")
      .selectAll()
      .where("kind", "=", page.kind)
      .where("deleted_at", "is", null)
      .where(({ eb, or }) =>
        or([
          eb("key_hash", "=", keyHash),
          ...(userId === undefined ? [] : [eb("user_id", "=", userId)]),
          ...(teamId === undefined ? [] : [eb("team_id", "=", teamId)]),
        ]),
      );
    if (page.model !== undefined) query = query.where("model", "=", page.model);
    if (page.provider !== undefined) query = query.where("provider", "=", page.provider);
    if (page.after !== undefined) {
      const from = await this.#database.kysely
        .selectFrom("resource")
        .select(["created_at", "id"])
        .where("id", "=", page.after)
        .executeTakeFirst();
      if (from === undefined) return [];
      const beyond = page.descending ? "<" : ">";
      query = query.where(({ eb, or, and }) =>
        or([
          eb("created_at", beyond, from.created_at),
          and([eb("created_at", "=", from.created_at), eb("id", beyond, from.id)]),
        ]),
      );
    }
    const rows = await query
      .orderBy("created_at", order)
      .orderBy("id", order)
      .limit(page.limit + 1)
      .execute();
    return rows.map(resourceOf);
  }

  /** How many of a kind a key has made since a moment, deleted ones included, where their purpose is this. */
  async countSince(kind: string, keyHash: string, since: number, purpose: string): Promise<number> {
    const rows = await this.#database.kysely
      .selectFrom("resource")
      .select("body")
      .where("kind", "=", kind)
      .where("key_hash", "=", keyHash)
      .where("created_at", ">=", since)
      .execute();
    return rows.filter(({ body }) => asObject(parseJson(body))?.purpose === purpose).length;
  }

  async update(id: string, body: JsonObject): Promise<void> {
    await this.#database.kysely
      .updateTable("resource")
      .set({ body: JSON.stringify(body) })
      .where("id", "=", id)
      .execute();
  }

  async remove(id: string, now: number): Promise<void> {
    await this.#database.kysely.updateTable("resource").set({ deleted_at: now }).where("id", "=", id).execute();
  }
}

/** Whether the caller may use what belongs to the owner. */
export function isOwner(owner: ResourceOwner, caller: ResourceOwner): boolean {
  const { userId, teamId } = owner;
  if (userId === undefined && teamId === undefined) return owner.keyHash === caller.keyHash;
  return (userId !== undefined && userId === caller.userId) || (teamId !== undefined && teamId === caller.teamId);
}

function rowOf(resource: StoredResource): ResourceTable {
  const { owner } = resource;
  return {
    id: resource.id,
    kind: resource.kind,
    provider: resource.provider,
    deployment_id: resource.deploymentId ?? "",
    upstream_id: resource.upstreamId,
    model: resource.model ?? null,
    key_hash: owner.keyHash,
    user_id: owner.userId ?? null,
    team_id: owner.teamId ?? null,
    created_at: resource.createdAt,
    deleted_at: null,
    body: JSON.stringify(resource.body),
    facts: JSON.stringify(resource.facts),
  };
}

function resourceOf(row: ResourceTable): StoredResource {
  return {
    id: row.id,
    kind: row.kind,
    provider: row.provider,
    deploymentId: row.deployment_id === "" ? undefined : row.deployment_id,
    upstreamId: row.upstream_id,
    model: row.model ?? undefined,
    owner: { keyHash: row.key_hash, userId: row.user_id ?? undefined, teamId: row.team_id ?? undefined },
    createdAt: row.created_at,
    body: asObject(parseJson(row.body)) ?? {},
    facts: (asObject(parseJson(row.facts)) ?? {}) as ResourceFacts,
  };
}
