import { sql } from "kysely";
import type { Database } from "../database.ts";
import { carriedOver, nextReset, parseDuration, type ResetClock } from "./budget-window.ts";
import { type BudgetRow, budgets } from "./budgets.ts";
import type { Connection } from "./object-table.ts";
import { type SpendDimension, spendTotals } from "./spend-totals.ts";

/** Holders whose spend is one total of the ledger: table, its key, and the ledger's dimension. */
const DIRECT = [
  ["customer", "user_id", "customer"],
  ["tag", "tag_name", "tag"],
  ["organization", "organization_id", "organization"],
] as const;

/**
 * Lets the budgets whose period is over begin anew, for everybody who has them: what was spent until now no longer
 * counts; with `rollover` what was spent beyond the budget still does. (Keys, teams and users with limits of their own
 * begin anew where they are looked up.) Returns the ids of those that began anew; of several processes one does it.
 */
export async function renewDueBudgets(
  database: Database,
  now: number,
  clock: ResetClock,
  rollover = false,
): Promise<readonly string[]> {
  const due = await database.kysely
    .selectFrom("budget")
    .select("budget_id")
    .where("budget_reset_at", "<=", now)
    .where("budget_duration", "is not", null)
    .execute();
  const renewed: string[] = [];
  for (const { budget_id: id } of due) {
    const done = await database.kysely
      .transaction()
      .execute((transaction) => new Renewal(transaction, id, rollover).run(now, clock));
    if (done) renewed.push(id);
  }
  return renewed;
}

interface KeyTokens {
  readonly token: string;
  readonly previous_tokens: string;
}

/** One budget that begins anew, in one transaction. */
class Renewal {
  readonly #connection: Connection;
  readonly #id: string;
  readonly #rollover: boolean;
  #limit: bigint | null = null;

  constructor(connection: Connection, id: string, rollover: boolean) {
    this.#connection = connection;
    this.#id = id;
    this.#rollover = rollover;
  }

  async run(now: number, clock: ResetClock): Promise<boolean> {
    const budget: BudgetRow | undefined = await budgets.lock(this.#connection, this.#id);
    if (budget === undefined || budget.budget_reset_at === null || budget.budget_reset_at > now) return false;
    const duration = budget.budget_duration === null ? undefined : parseDuration(budget.budget_duration);
    if (duration === undefined) return false;
    this.#limit = budget.max_budget_nano;
    for (const [table, key, dimension] of DIRECT) await this.#direct(table, key, dimension);
    await this.#keys();
    await this.#projects();
    await this.#members();
    await budgets.update(this.#connection, this.#id, { budget_reset_at: nextReset(duration, now, clock) });
    return true;
  }

  /** What is added to a holder's total from now on. */
  #offset(total: bigint, before: bigint): bigint {
    return (this.#rollover ? carriedOver(total + before, this.#limit) : 0n) - total;
  }

  async #direct(table: string, key: string, dimension: SpendDimension): Promise<void> {
    const { rows } = await sql<{ id: string; spend_offset_nano: bigint | number }>`
      SELECT ${sql.ref(key)} AS id, spend_offset_nano FROM ${sql.table(table)}
      WHERE budget_id = ${this.#id}`.execute(this.#connection);
    const totals = await spendTotals(
      this.#connection,
      dimension,
      rows.map(({ id }) => id),
    );
    for (const { id, spend_offset_nano: before } of rows) {
      const offset = this.#offset(totals.get(id) ?? 0n, BigInt(before));
      await sql`UPDATE ${sql.table(table)} SET spend_offset_nano = ${offset}
        WHERE ${sql.ref(key)} = ${id}`.execute(this.#connection);
    }
  }

  /** Keys that have the budget and no period of their own. */
  async #keys(): Promise<void> {
    const rows = await this.#connection
      .selectFrom("virtual_key")
      .select(["token", "previous_tokens", "spend_offset_nano"])
      .where("budget_id", "=", this.#id)
      .where("budget_duration", "is", null)
      .execute();
    for (const row of rows) {
      const spend_offset_nano = this.#offset(await this.#spentWith([row]), row.spend_offset_nano);
      await this.#connection
        .updateTable("virtual_key")
        .set({ spend_offset_nano })
        .where("token", "=", row.token)
        .execute();
    }
  }

  async #projects(): Promise<void> {
    const rows = await this.#connection
      .selectFrom("project")
      .select(["project_id", "spend_offset_nano"])
      .where("budget_id", "=", this.#id)
      .execute();
    for (const { project_id, spend_offset_nano: before } of rows) {
      const keys = await this.#connection
        .selectFrom("virtual_key")
        .select(["token", "previous_tokens"])
        .where("project_id", "=", project_id)
        .execute();
      const spend_offset_nano = this.#offset(await this.#spentWith(keys), before);
      await this.#connection
        .updateTable("project")
        .set({ spend_offset_nano })
        .where("project_id", "=", project_id)
        .execute();
    }
  }

  /** Members who have the budget, or none of their own in a team whose members have it. */
  async #members(): Promise<void> {
    const rows = await this.#connection
      .selectFrom("team_member")
      .leftJoin("team", "team.team_id", "team_member.team_id")
      .select(["team_member.team_id", "team_member.user_id", "team_member.spend_offset_nano"])
      .where((eb) =>
        eb.or([
          eb("team_member.budget_id", "=", this.#id),
          eb.and([eb("team_member.budget_id", "is", null), eb("team.member_budget_id", "=", this.#id)]),
        ]),
      )
      .execute();
    for (const { team_id, user_id, spend_offset_nano: before } of rows) {
      const keys = await this.#connection
        .selectFrom("virtual_key")
        .select(["token", "previous_tokens"])
        .where("team_id", "=", team_id)
        .where("user_id", "=", user_id)
        .execute();
      const spend_offset_nano = this.#offset(await this.#spentWith(keys), before);
      await this.#connection
        .updateTable("team_member")
        .set({ spend_offset_nano })
        .where("team_id", "=", team_id)
        .where("user_id", "=", user_id)
        .execute();
    }
  }

  async #spentWith(keys: readonly KeyTokens[]): Promise<bigint> {
    const tokens = keys.flatMap(({ token, previous_tokens }) => [token, ...(JSON.parse(previous_tokens) as string[])]);
    const totals = await spendTotals(this.#connection, "key", tokens);
    return tokens.reduce((total, token) => total + (totals.get(token) ?? 0n), 0n);
  }
}
