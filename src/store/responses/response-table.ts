import { sql } from "kysely";
import { isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Database } from "../database.ts";
import type { ResponseTable } from "../schema.ts";

/** One kept answer. */
export interface StoredResponse {
  readonly id: string;
  readonly owner: ResponseOwner;
  /** The kept answer that it goes on from. */
  readonly previousId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** The items that its request added, each with an id. */
  readonly input: readonly JsonObject[];
  /** The answer as its client got it. */
  readonly body: JsonObject;
}

/** Whose it is: the members of the same team and the keys of the same user may read it. */
export interface ResponseOwner {
  readonly keyHash: string;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
}

/** Answers further back than this are not looked for. */
export const LONGEST_CHAIN = 1000;

/** The queries on kept answers. */
export class ResponseQueries {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** An answer that is there already stays. */
  async insert(responses: readonly StoredResponse[]): Promise<void> {
    await this.#database.kysely
      .insertInto("response")
      .values(responses.map(rowOf))
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
  }

  async find(id: string, now: number): Promise<StoredResponse | undefined> {
    const row = await this.#database.kysely
      .selectFrom("response")
      .selectAll()
      .where("id", "=", id)
      .where("expires_at", ">", now)
      .executeTakeFirst();
    return row === undefined ? undefined : responseOf(row);
  }

  /** An answer and those that it goes on from, oldest first. The chain ends early where one of them is gone. */
  async chain(id: string, now: number): Promise<readonly StoredResponse[]> {
    const { rows } = await sql<ResponseTable>`
      WITH RECURSIVE chain(id, depth) AS (
        SELECT id, 0 FROM response WHERE id = ${id} AND expires_at > ${now}
        UNION ALL
        SELECT older.id, chain.depth + 1
        FROM chain
        JOIN response AS newer ON newer.id = chain.id
        JOIN response AS older ON older.id = newer.previous_id
        WHERE older.expires_at > ${now} AND chain.depth < ${LONGEST_CHAIN}
      )
      SELECT response.* FROM chain JOIN response ON response.id = chain.id ORDER BY chain.depth DESC
    `.execute(this.#database.kysely);
    return rows.map(responseOf);
  }

  /** Whether there was one. */
  async remove(id: string): Promise<boolean> {
    const { numDeletedRows } = await this.#database.kysely
      .deleteFrom("response")
      .where("id", "=", id)
      .executeTakeFirst();
    return numDeletedRows > 0n;
  }

  /** Removes what has expired, at most `most` of them; returns how many there were. */
  async removeExpired(now: number, most: number): Promise<number> {
    const { kysely } = this.#database;
    const { numDeletedRows } = await kysely
      .deleteFrom("response")
      .where("id", "in", kysely.selectFrom("response").select("id").where("expires_at", "<=", now).limit(most))
      .executeTakeFirst();
    return Number(numDeletedRows);
  }
}

function rowOf(response: StoredResponse): ResponseTable {
  return {
    id: response.id,
    key_hash: response.owner.keyHash,
    user_id: response.owner.userId ?? null,
    team_id: response.owner.teamId ?? null,
    previous_id: response.previousId ?? null,
    created_at: response.createdAt,
    expires_at: response.expiresAt,
    input: JSON.stringify(response.input),
    body: JSON.stringify(response.body),
  };
}

function responseOf(row: ResponseTable): StoredResponse {
  const input = parseJson(row.input);
  const body = parseJson(row.body);
  return {
    id: row.id,
    owner: { keyHash: row.key_hash, userId: row.user_id ?? undefined, teamId: row.team_id ?? undefined },
    previousId: row.previous_id ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    input: Array.isArray(input) ? input.filter(isObject) : [],
    body: isObject(body) ? body : {},
  };
}
