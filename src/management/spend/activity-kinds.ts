import { z } from "zod";
import { hashKey } from "../../auth/authenticator.ts";
import type { Principal } from "../../auth/principal.ts";
import type { JsonObject } from "../../json/json.ts";
import { DAY_MS, type Dimension } from "../../ledger/rollup-statements.ts";
import type { Sums } from "../../ledger/usage.ts";
import { nanoToNumber } from "../../pricing/cost.ts";
import type { Database } from "../../store/database.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { refused } from "../refusals.ts";
import { dayRange } from "./spend-dates.ts";
import { administeredOrganizations, administeredTeams, narrowed, seesAll } from "./spend-visibility.ts";

const text = f.optionalName;

/** What every route of `…/daily/activity` may be asked for. */
export const rangeQuery = {
  start_date: text,
  end_date: text,
  model: text,
  api_key: text,
  timezone: z.int().min(-840).max(840).nullish().describe("Minutes that the caller's clock is behind UTC"),
};

/** What `…/daily/activity` needs to know of its kind of entity. */
export interface Kind {
  readonly path: string;
  readonly aliases?: readonly string[];
  readonly dimension: Dimension;
  readonly tag: string;
  readonly summary: string;
  /** The parameters that name entities. */
  readonly only: string;
  readonly except?: string;
  /** `include_current_utc_day` is one of its parameters. */
  readonly todayToo?: boolean;
  /** The entities that the caller may see; undefined for all. Throws when it may see none. */
  readonly visible: (database: Database, principal: Principal) => Promise<readonly string[] | undefined>;
}

export const KINDS: readonly Kind[] = [
  {
    path: "/user/daily/activity",
    dimension: "user",
    tag: "Budget & Spend Tracking",
    summary: "Usage of a user, or of everybody, per day",
    only: "user_id",
    todayToo: true,
    visible: async (_, principal) =>
      seesAll(principal) ? undefined : principal.userId === undefined ? [] : [principal.userId],
  },
  {
    path: "/team/daily/activity",
    dimension: "team",
    tag: "team management",
    summary: "Usage of teams per day",
    only: "team_ids",
    except: "exclude_team_ids",
    visible: async (database, principal) => (seesAll(principal) ? undefined : administeredTeams(database, principal)),
  },
  {
    path: "/organization/daily/activity",
    dimension: "organization",
    tag: "organization management",
    summary: "Usage of organisations per day",
    only: "organization_ids",
    except: "exclude_organization_ids",
    visible: async (database, principal) =>
      seesAll(principal) ? undefined : administeredOrganizations(database, principal),
  },
  {
    path: "/customer/daily/activity",
    aliases: ["/end_user/daily/activity"],
    dimension: "customer",
    tag: "Customer Management",
    summary: "Usage of customers per day",
    only: "end_user_ids",
    except: "exclude_end_user_ids",
    visible: async (_, principal) => (seesAll(principal) ? undefined : []),
  },
  {
    path: "/tag/daily/activity",
    dimension: "tag",
    tag: "tag management",
    summary: "Usage of tags per day",
    only: "tags",
    visible: async (_, principal) => (seesAll(principal) ? undefined : []),
  },
];

/** The parameters of a kind, beside those that a single route has. */
export function queryOf(kind: Kind) {
  return {
    ...rangeQuery,
    [kind.only]: text,
    ...(kind.except === undefined ? {} : { [kind.except]: text }),
    ...(kind.todayToo === true ? { include_current_utc_day: z.boolean().default(false) } : {}),
  };
}

export type ActivityQuery = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Whose usage of which days is meant. */
export interface Scope {
  readonly kind: Kind;
  readonly firstDay: number;
  readonly lastDay: number;
  readonly utcOffset?: number;
  readonly entities?: readonly string[];
  readonly exceptEntities?: readonly string[];
  readonly keyHash?: string;
  readonly model?: string;
}

/** What a request asks for, narrowed to what its caller may see. Throws the refusal when that is nothing. */
export async function scopeOf(
  kind: Kind,
  management: Management,
  principal: Principal,
  query: ActivityQuery,
): Promise<Scope> {
  const start = textOf(query.start_date);
  const end = textOf(query.end_date);
  if (start === undefined || end === undefined) throw refused(400, "Please provide start_date and end_date");
  const range = dayRange(start, end, management.now());
  const utcOffset = typeof query.timezone === "number" ? -query.timezone * 60_000 : 0;
  const visible = await kind.visible(management.database, principal);
  const entities = narrowed(listOf(query[kind.only]), visible, kind.dimension);
  const key = textOf(query.api_key);
  const keyHash = key?.startsWith("sk-") ? hashKey(key) : key;
  const model = textOf(query.model);
  return {
    kind,
    ...range,
    ...(query.include_current_utc_day === true ? { lastDay: withToday(range.lastDay, management.now()) } : {}),
    ...(utcOffset === 0 ? {} : { utcOffset }),
    ...(entities === undefined ? {} : { entities }),
    ...(kind.except === undefined ? {} : { exceptEntities: listOf(query[kind.except]) ?? [] }),
    ...(keyHash === undefined ? {} : { keyHash }),
    ...(model === undefined ? {} : { model }),
  };
}

/** Where it is still yesterday, the newest requests are of a day (UTC) that a caller would not ask for. */
function withToday(lastDay: number, now: number): number {
  const today = now - (now % DAY_MS);
  return lastDay === today - DAY_MS ? today : lastDay;
}

export const UNKNOWN_KEY: JsonObject = { key_alias: null, team_id: null, user_id: null, key_exists: false };

/** What is known of keys, by their hashes. */
export async function keyNames(
  database: Database,
  hashes: readonly string[],
): Promise<ReadonlyMap<string, JsonObject>> {
  const names = new Map<string, JsonObject>();
  for (let at = 0; at < hashes.length; at += 500) {
    const rows = await database.kysely
      .selectFrom("virtual_key")
      .select(["token", "key_alias", "team_id", "user_id"])
      .where("token", "in", hashes.slice(at, at + 500))
      .execute();
    for (const { token, ...row } of rows) names.set(token, { ...row, key_exists: true });
  }
  return names;
}

/** LiteLLM's figures. */
export function metrics(sums: Sums): JsonObject {
  return {
    spend: nanoToNumber(sums.cost),
    prompt_tokens: sums.promptTokens,
    completion_tokens: sums.completionTokens,
    cache_read_input_tokens: sums.cacheReadTokens,
    cache_creation_input_tokens: sums.cacheWriteTokens,
    total_tokens: sums.promptTokens + sums.completionTokens,
    successful_requests: sums.successes,
    failed_requests: sums.requests - sums.successes,
    api_requests: sums.requests,
  };
}

function textOf(value: ActivityQuery[string]): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function listOf(value: ActivityQuery[string]): readonly string[] | undefined {
  const names = textOf(value)
    ?.split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names === undefined || names.length === 0 ? undefined : names;
}
