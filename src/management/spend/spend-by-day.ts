import type { Principal } from "../../auth/principal.ts";
import type { JsonObject } from "../../json/json.ts";
import type { RecordFilter } from "../../ledger/record-filter.ts";
import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { MOST_OF_DAY, sumsByDay, type TopRow, topOfDays } from "../../ledger/top-of-days.ts";
import { usageBy } from "../../ledger/usage.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import { dateText, dayRange } from "./spend-dates.ts";
import { seesAll } from "./spend-visibility.ts";

/**
 * Per day: the spend of each key, user and model; of the keys and users the most expensive thousand, the sums are of all.
 * Days without spend are there with 0.
 */
export async function spendByDay(
  database: Database,
  principal: Principal,
  filter: RecordFilter,
  start: string,
  end: string,
): Promise<JsonObject[] | Response> {
  const range = dayRange(start, end, Date.now());
  const all = seesAll(principal);
  // Without the right to see all, what is summed is the caller's own, by user or else by key.
  const userId = all ? filter.userId : (filter.userId ?? principal.userId);
  if (!all && filter.userId !== undefined && filter.userId !== principal.userId) return [];
  const keyHash = filter.keyHash ?? (all || userId !== undefined ? undefined : principal.keyHash);
  if (userId === undefined && keyHash === undefined) return spendOfEverybody(database, range);
  const found = await summedFor(database, range, userId, keyHash);
  return daysOf(range).map((day) => {
    const ofDay = (rows: readonly DaySpend[]) =>
      Object.fromEntries(rows.filter((row) => row.day === day).map((row) => [row.name, nanoToNumber(row.cost)]));
    return {
      startTime: dateText(day),
      spend: nanoToNumber(found.models.reduce((sum, row) => (row.day === day ? sum + row.cost : sum), 0n)),
      ...ofDay(found.keys),
      users: ofDay(found.users),
      models: ofDay(found.models),
    };
  });
}

function daysOf({ firstDay, lastDay }: Range): readonly number[] {
  return Array.from({ length: Math.max((lastDay - firstDay) / DAY_MS + 1, 0) }, (_, at) => firstDay + at * DAY_MS);
}

interface DaySpend {
  readonly day: number;
  readonly name: string;
  readonly cost: bigint;
}

interface SummedDays {
  readonly keys: readonly DaySpend[];
  readonly users: readonly DaySpend[];
  readonly models: readonly DaySpend[];
}

type Range = ReturnType<typeof dayRange>;

/**
 * The same of everybody, as text: most of an answer of megabytes is what days that are over say of their keys and users,
 * and that is written once.
 */
async function spendOfEverybody(database: Database, range: Range): Promise<Response> {
  const models = await usageBy(database, { ...range, dimension: "model", by: ["period", "model"] });
  const sums = sumsByDay(models);
  const [keys, users] = [await topOfDays(database, "key", sums), await topOfDays(database, "user", sums)];
  const byDay = Map.groupBy(models, ({ period }) => period);
  const days = daysOf(range).map((day) => {
    const own = byDay.get(day) ?? [];
    const spend = nanoToNumber(own.reduce((sum, { cost }) => sum + cost, 0n));
    const ofKeys = membersOf(keys.get(day));
    const ofModels = own.map(({ model, cost }) => `${JSON.stringify(model)}:${nanoToNumber(cost)}`).join(",");
    return `{"startTime":"${dateText(day)}","spend":${spend},${ofKeys === "" ? "" : `${ofKeys},`}"users":{${membersOf(users.get(day))}},"models":{${ofModels}}}`;
  });
  return new Response(`[${days.join(",")}]`, { headers: { "content-type": "application/json" } });
}

const written = new WeakMap<readonly TopRow[], string>();

/** `"name":dollars` of each, as members of a JSON object. */
function membersOf(rows: readonly TopRow[] | undefined): string {
  if (rows === undefined) return "";
  const known = written.get(rows);
  if (known !== undefined) return known;
  const text = rows.map(({ entity, cost }) => `${JSON.stringify(entity)}:${nanoToNumber(cost)}`).join(",");
  written.set(rows, text);
  return text;
}

async function summedFor(
  database: Database,
  range: Range,
  userId: string | undefined,
  keyHash: string | undefined,
): Promise<SummedDays> {
  const own = {
    ...range,
    dimension: userId === undefined ? ("key" as const) : ("user" as const),
    entities: [userId ?? (keyHash as string)],
    ...(userId === undefined || keyHash === undefined ? {} : { keyHash }),
  };
  const ofUsers = {
    ...range,
    dimension: "user" as const,
    ...(userId === undefined ? {} : { entities: [userId] }),
    ...(keyHash === undefined ? {} : { keyHash }),
  };
  const top = MOST_OF_DAY * ((range.lastDay - range.firstDay) / DAY_MS + 1);
  const [models, keys, users] = await Promise.all([
    usageBy(database, { ...own, by: ["period", "model"] }),
    usageBy(database, { ...own, by: ["period", "key_hash"], top }),
    usageBy(database, { ...ofUsers, by: ["period", "entity"], top }),
  ]);
  return {
    keys: keys.map(({ period, key_hash, cost }) => ({ day: period, name: key_hash, cost })),
    users: users.map(({ period, entity, cost }) => ({ day: period, name: entity, cost })),
    models: models.map(({ period, model, cost }) => ({ day: period, name: model, cost })),
  };
}
