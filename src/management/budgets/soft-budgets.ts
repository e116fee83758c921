import type { JsonObject } from "../../json/json.ts";
import { type BudgetRow, budgets } from "../../store/objects/budgets.ts";
import { customers } from "../../store/objects/customers.ts";
import { keys } from "../../store/objects/keys.ts";
import type { PageQuery } from "../../store/objects/object-table.ts";
import { organizations } from "../../store/objects/organizations.ts";
import type { SpendDimension } from "../../store/objects/spend-totals.ts";
import { tags } from "../../store/objects/tags.ts";
import { teams } from "../../store/objects/teams.ts";
import { users } from "../../store/objects/users.ts";
import { spendOfKeys } from "../keys/key-shape.ts";
import type { Management } from "../management.ts";
import { dollars } from "../object-shape.ts";
import { type ManagementRoute, route } from "../route.ts";

/** How often it is looked who has passed its soft budget; LiteLLM's `report_check_interval`. */
const LOOK_MS = 300_000;
const MOST = 10_000;

/** Somebody who has spent its soft budget. Money is nano-dollars. */
export interface SoftBudgetPassed {
  readonly object: "key" | "team" | "user" | "organization" | "customer" | "tag";
  readonly id: string;
  readonly alias: string | null;
  readonly softBudget: bigint;
  readonly spend: bigint;
}

export const softBudgetRoutes: readonly ManagementRoute[] = [
  route({
    method: "GET",
    path: "/budget/soft_budget/report",
    permission: "view",
    tag: "budget management",
    summary: "Who has spent its soft budget; nobody is refused for it",
    handle: async ({ management }) => ({ passed: (await passedSoftBudgets(management)).map(show) }),
  }),
];

function show({ softBudget, spend, ...one }: SoftBudgetPassed): JsonObject {
  return { ...one, soft_budget: dollars(softBudget), spend: dollars(spend) };
}

function logged({ object, id, alias, softBudget, spend }: SoftBudgetPassed): Record<string, string | number> {
  return { object, id, ...(alias === null ? {} : { alias }), soft_budget: dollars(softBudget), spend: dollars(spend) };
}

/** Tells the log of everybody who passes its soft budget, once for each time. */
export function openSoftBudgetWatch(management: Management): { readonly close: () => void } {
  let told = new Set<string>();
  const look = async (): Promise<void> => {
    try {
      const passed = await passedSoftBudgets(management);
      for (const one of passed) {
        if (!told.has(`${one.object}:${one.id}`)) management.log.warning("a soft budget is spent", logged(one));
      }
      told = new Set(passed.map((one) => `${one.object}:${one.id}`));
    } catch (error) {
      management.log.warning("soft budgets cannot be looked at", { reason: String(error) });
    }
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Everybody who has spent its soft budget, of its own or of the budget that it was given; most above it first. */
export async function passedSoftBudgets(management: Management): Promise<readonly SoftBudgetPassed[]> {
  const connection = management.database.kysely;
  const passed: SoftBudgetPassed[] = [];
  const add = (one: SoftBudgetPassed): void => {
    if (one.spend >= one.softBudget) passed.push(one);
  };
  const own: PageQuery = {
    where: [{ column: "soft_budget_nano", atLeast: 0 }],
    orderBy: "created_at",
    descending: false,
    limit: MOST,
    offset: 0,
  };
  const keyRows = (await keys.page(connection, own)).rows;
  const keySpends = await spendOfKeys(management, keyRows);
  for (const row of keyRows) {
    const spend = keySpends.get(row.token) ?? 0n;
    add({ object: "key", id: row.token, alias: row.key_alias, softBudget: row.soft_budget_nano ?? 0n, spend });
  }
  const teamRows = (await teams.page(connection, own)).rows;
  await each("team", teamRows, (row) => ({ id: row.team_id, alias: row.team_alias, softBudget: row.soft_budget_nano }));
  const userRows = (await users.page(connection, own)).rows;
  await each("user", userRows, (row) => ({ id: row.user_id, alias: row.user_alias, softBudget: row.soft_budget_nano }));

  const soft = new Map(
    (await budgets.page(connection, own)).rows.map((row): [string, BudgetRow] => [row.budget_id, row]),
  );
  const ids = [...soft.keys()];
  const softOf = (id: string | null): bigint | null => (id === null ? null : (soft.get(id)?.soft_budget_nano ?? null));
  await each("organization", await organizations.findMany(connection, ids, "budget_id"), (row) => ({
    id: row.organization_id,
    alias: row.organization_alias,
    softBudget: softOf(row.budget_id),
  }));
  await each("customer", await customers.findMany(connection, ids, "budget_id"), (row) => ({
    id: row.user_id,
    alias: row.alias,
    softBudget: softOf(row.budget_id),
  }));
  await each("tag", await tags.findMany(connection, ids, "budget_id"), (row) => ({
    id: row.tag_name,
    alias: null,
    softBudget: softOf(row.budget_id),
  }));
  return passed.toSorted((a, b) => Number(b.spend - b.softBudget - (a.spend - a.softBudget)));

  async function each<Row extends { readonly spend_offset_nano: bigint }>(
    object: Exclude<SoftBudgetPassed["object"], "key">,
    rows: readonly Row[],
    describe: (row: Row) => { readonly id: string; readonly alias: string | null; readonly softBudget: bigint | null },
  ): Promise<void> {
    const described = rows.map((row) => ({ ...describe(row), offset: row.spend_offset_nano }));
    const totals = await management.spendOf(
      object satisfies SpendDimension,
      described.map(({ id }) => id),
    );
    for (const { id, alias, softBudget, offset } of described) {
      if (softBudget !== null) add({ object, id, alias, softBudget, spend: (totals.get(id) ?? 0n) + offset });
    }
  }
}
