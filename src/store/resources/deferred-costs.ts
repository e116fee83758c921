import { asObject, parseJson } from "../../json/json.ts";
import type { Database } from "../database.ts";
import type { DeferredCostTable } from "../schema.ts";

/** A job whose cost is known when it is done. */
export interface DeferredCost {
  readonly id: string;
  readonly kind: DeferredKind;
  readonly provider: string;
  /** Undefined where the provider was addressed by its name. */
  readonly deploymentId: string | undefined;
  readonly upstreamId: string;
  /** Id of the spend row to come. */
  readonly spendId: string;
  readonly owner: DeferredOwner;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** `batch`: OpenAI's; `message-batch`: Anthropic's; `response`: an answer of the Responses API. */
export type DeferredKind = "batch" | "message-batch" | "response";

/** Who pays, as the row has it. */
export interface DeferredOwner {
  readonly keyHash: string;
  readonly keyAlias?: string | undefined;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organizationId?: string | undefined;
  readonly endUser?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly sessionId?: string | undefined;
  readonly requesterIp?: string | undefined;
  /** The model group that was asked for. */
  readonly modelGroup: string;
}

/** Jobs that one look takes on at most. */
const MOST_CLAIMED = 20;

/** The queries on jobs that are still to be paid for. */
export class DeferredCosts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A job that is known already stays as it is. */
  async insert(job: DeferredCost, nextAt: number): Promise<void> {
    await this.#database.kysely
      .insertInto("deferred_cost")
      .values({ ...rowOf(job), next_at: nextAt })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }

  async find(id: string): Promise<DeferredCost | undefined> {
    const row = await this.#database.kysely
      .selectFrom("deferred_cost")
      .selectAll()
      .where("id", "=", id)
      .where("settled", "=", 0)
      .executeTakeFirst();
    return row === undefined ? undefined : jobOf(row);
  }

  /** Takes on jobs that are due: until `busyUntil` no other process does. */
  async claim(now: number, busyUntil: number): Promise<readonly DeferredCost[]> {
    const { kysely } = this.#database;
    const due = await kysely
      .selectFrom("deferred_cost")
      .selectAll()
      .where("settled", "=", 0)
      .where("next_at", "<=", now)
      .orderBy("next_at")
      .limit(MOST_CLAIMED)
      .execute();
    const claimed: DeferredCost[] = [];
    for (const row of due) {
      const { numUpdatedRows } = await kysely
        .updateTable("deferred_cost")
        .set({ next_at: busyUntil })
        .where("id", "=", row.id)
        .where("settled", "=", 0)
        .where("next_at", "=", row.next_at)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) claimed.push(jobOf(row));
    }
    return claimed;
  }

  /** Looks again at this moment. */
  async postpone(id: string, nextAt: number): Promise<void> {
    await this.#database.kysely.updateTable("deferred_cost").set({ next_at: nextAt }).where("id", "=", id).execute();
  }

  /**
   * The time of a job's spend row: now, or when it was first about to be written. `written` tells whether the row is
   * there.
   */
  async payTime(job: DeferredCost, now: number): Promise<{ readonly at: number; readonly written: boolean }> {
    const { kysely } = this.#database;
    const { numUpdatedRows } = await kysely
      .updateTable("deferred_cost")
      .set({ paid_at: now })
      .where("id", "=", job.id)
      .where("paid_at", "is", null)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return { at: now, written: false };
    const known = await kysely
      .selectFrom("deferred_cost")
      .select("paid_at")
      .where("id", "=", job.id)
      .executeTakeFirstOrThrow();
    const at = known.paid_at ?? now;
    const row = await kysely
      .selectFrom("spend")
      .select("id")
      .where("id", "=", job.spendId)
      .where("started_at", "=", at)
      .executeTakeFirst();
    return { at, written: row !== undefined };
  }

  /** Nobody looks at it any more. */
  async settled(id: string): Promise<void> {
    await this.#database.kysely.updateTable("deferred_cost").set({ settled: 1 }).where("id", "=", id).execute();
  }

  /** Forgets what was settled before a moment. */
  async removeSettled(createdBefore: number): Promise<void> {
    await this.#database.kysely
      .deleteFrom("deferred_cost")
      .where("settled", "=", 1)
      .where("created_at", "<", createdBefore)
      .execute();
  }
}

function rowOf(job: DeferredCost): DeferredCostTable {
  return {
    id: job.id,
    kind: job.kind,
    provider: job.provider,
    deployment_id: job.deploymentId ?? "",
    upstream_id: job.upstreamId,
    spend_id: job.spendId,
    owner: JSON.stringify(job.owner),
    created_at: job.createdAt,
    next_at: job.createdAt,
    expires_at: job.expiresAt,
    paid_at: null,
    settled: 0,
  };
}

function jobOf(row: DeferredCostTable): DeferredCost {
  return {
    id: row.id,
    kind: row.kind as DeferredKind,
    provider: row.provider,
    deploymentId: row.deployment_id === "" ? undefined : row.deployment_id,
    upstreamId: row.upstream_id,
    spendId: row.spend_id,
    owner: asObject(parseJson(row.owner)) as unknown as DeferredOwner,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}
