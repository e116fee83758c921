import type { Json, JsonObject } from "../../json/json.ts";
import { archive } from "../../store/objects/archived-objects.ts";
import { budgets } from "../../store/objects/budgets.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import { teamMembers, teams } from "../../store/objects/teams.ts";
import { auditedBudget, holdersOfBudget } from "../budgets/write-budget.ts";
import type { Change } from "../change.ts";
import { removeKeyRows } from "../keys/write-keys.ts";
import { auditedTeam } from "../teams/team-shape.ts";

/** An object that no file declares any more and that stays, since others need it. */
export interface Kept {
  readonly name: string;
  /** `3 keys`. */
  readonly holders: string;
}

export async function releaseKeys(transaction: Change, rows: readonly KeyRow[], shown: readonly Json[]): Promise<void> {
  const there = new Set(
    (
      await keys.findMany(
        transaction.connection,
        rows.map(({ token }) => token),
      )
    ).map(({ token }) => token),
  );
  const kept = rows
    .map((row, at) => ({ row, shown: shown[at] as JsonObject }))
    .filter(({ row }) => there.has(row.token));
  await removeKeyRows(
    transaction,
    kept.map(({ row }) => row),
    kept.map((one) => one.shown),
  );
}

/** Deletes teams and budgets (`team:…`, `budget:…`) that nobody has; returns the others, which are the API's from now on. */
export async function releaseOthers(transaction: Change, names: readonly string[]): Promise<readonly Kept[]> {
  const kept: Kept[] = [];
  // Teams first: their members may be the last that have a budget.
  for (const kind of ["team", "budget"] as const) {
    for (const name of names.filter((one) => one.startsWith(`${kind}:`))) {
      const id = name.slice(kind.length + 1);
      const holders = await (kind === "team" ? releaseTeam : releaseBudget)(transaction, id);
      if (holders !== undefined) kept.push({ name, holders });
    }
  }
  return kept;
}

async function releaseTeam({ connection, now, by, record }: Change, id: string): Promise<string | undefined> {
  const row = await teams.lock(connection, id);
  if (row === undefined) return undefined;
  const holders = (await held(connection, "keys", id)) ?? (await held(connection, "members", id));
  if (holders !== undefined) return holders;
  const shown = auditedTeam(row);
  await archive(connection, "team", [{ id, deletedAt: now, deletedBy: by, data: JSON.stringify(shown) }]);
  await teams.delete(connection, [id]);
  await record("team", "deleted", id, shown, null);
  if (row.member_budget_id !== null) await budgets.delete(connection, [row.member_budget_id]);
  return undefined;
}

async function held(connection: Connection, what: "keys" | "members", teamId: string): Promise<string | undefined> {
  const count = (await (what === "keys" ? keys : teamMembers).countBy(connection, "team_id", [teamId])).get(teamId);
  return count === undefined || count === 0 ? undefined : `${count} ${what}`;
}

async function releaseBudget({ connection, record }: Change, id: string): Promise<string | undefined> {
  const row = await budgets.lock(connection, id);
  if (row === undefined) return undefined;
  const holders = await holdersOfBudget(connection, id);
  if (holders !== undefined) return holders;
  await budgets.delete(connection, [id]);
  await record("budget", "deleted", id, auditedBudget(row), null);
  return undefined;
}
