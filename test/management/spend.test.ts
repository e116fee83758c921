import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Principal } from "../../src/auth/principal.ts";
import { DetailError } from "../../src/errors/detail-error.ts";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import type { Json, JsonObject } from "../../src/json/json.ts";
import type { Ledger } from "../../src/ledger/ledger.ts";
import type { SpendRecord } from "../../src/ledger/record.ts";
import type { Management } from "../../src/management/management.ts";
import { spendRoutes } from "../../src/management/spend/spend-routes.ts";
import { tagAnalyticsRoutes } from "../../src/management/tags/tag-analytics.ts";
import type { Database } from "../../src/store/database.ts";
import { compileText } from "../config/files.ts";
import { Place, settlement } from "../ledger/records.ts";
import { storesUnderTest } from "../store/databases.ts";

const stores = await storesUnderTest("spend");
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 15, 12);
const ADMIN: Principal = { keyHash: "master", role: "proxy_admin" };
const ANN: Principal = { keyHash: "key-ann", role: "internal_user", userId: "ann" };

const snapshot = compileText(`
model_list:
  - model_name: priced
    litellm_params:
      model: openai/own
      api_key: k
      input_cost_per_token: 0.000001
      output_cost_per_token: 0.000004
    model_info:
      id: deployment-1
`);

/** A request of `day` days ago that cost `cost` nano-dollars. */
function spent(id: string, day: number, cost: number, more: Partial<SpendRecord> = {}): SpendRecord {
  const startedAt = NOW - day * DAY;
  return settlement(id, { startedAt, endedAt: startedAt + 250, cost: String(cost), keyHash: "key-bob", ...more });
}

describe.each(stores.filter((store) => store.available))("spend on $name", (store) => {
  let place: Place;
  let ledger: Ledger;
  let database: Database;
  beforeEach(async () => {
    place = await Place.make(store);
    database = place.database();
    ledger = await place.ledger(database);
    for (const record of [
      spent("a", 0, 1_000_000_000, {
        keyHash: "key-ann",
        userId: "ann",
        teamId: "red",
        tags: ["x", "y"],
        sessionId: "s",
      }),
      spent("b", 0, 500_000_000, { userId: "bob", teamId: "red", model: "other", tags: ["x"], callId: "mine" }),
      spent("c", 1, 250_000_000, {
        userId: "bob",
        endUser: "customer",
        status: "failure",
        httpStatus: 429,
        errorCode: "rate_limit",
        errorMessage: "Too 100% many",
      }),
      spent("d", 2, 125_000_000, { provider: "azure", organizationId: "org", cacheHit: true, sessionId: "s" }),
      spent("e", 2, 700, {
        attempts: [{ ...settlement("e").attempts[0], cost: "200" } as never],
        buckets: { input: 100, output: 25 },
      }),
    ])
      ledger.settle(record);
    await ledger.flush();
  });
  afterEach(async () => {
    await ledger.close();
    await place.remove();
  });

  async function call(path: string, principal = ADMIN, body?: JsonObject): Promise<Json> {
    const url = new URL(path, "http://gateway");
    for (const route of [...spendRoutes, ...tagAnalyticsRoutes]) {
      for (const pattern of [route.path, ...(route.aliases ?? [])]) {
        const found = new RegExp(`^${pattern.replace(/\{(\w+)\}/, "(?<$1>[^/]+)")}$`).exec(url.pathname);
        if (found === null || (route.method === "POST") !== (body !== undefined)) continue;
        if (found.groups?.request_id === "v2" || found.groups?.request_id === "ui") continue;
        const management = { database, now: () => NOW, snapshot: () => snapshot } as unknown as Management;
        const answer = await route.handle({
          management,
          principal,
          params: { ...found.groups },
          search: url.searchParams,
          headers: new Headers(),
          path: url.pathname,
          body: body ?? {},
        });
        if (!(answer instanceof Response)) return JSON.parse(JSON.stringify(answer));
        const isJson = answer.headers.get("content-type")?.includes("json") === true;
        return isJson ? ((await answer.json()) as Json) : answer.text();
      }
    }
    throw new Error(`no route ${path}`);
  }

  const refusalOf = async (path: string, principal = ADMIN, body?: JsonObject) => {
    try {
      await call(path, principal, body);
    } catch (error) {
      if (error instanceof DetailError) return error.status;
      if (error instanceof GatewayError) return error.code;
      throw error;
    }
    return undefined;
  };
  const range = "start_date=2026-01-13&end_date=2026-01-15";
  const ids = (answer: Json) => ((answer as JsonObject).data as JsonObject[]).map((row) => row.request_id);

  test("/spend/logs/v2 pages, sorts, filters and counts", async () => {
    const times = "start_date=2026-01-01 00:00:00&end_date=2026-02-01 00:00:00";
    const first = (await call(`/spend/logs/v2?${times}&page_size=2`)) as JsonObject;
    expect(first).toMatchObject({ total: 5, page: 1, page_size: 2, total_pages: 3 });
    expect(ids(first)).toEqual(["b", "a"]);
    expect(ids(await call(`/spend/logs/ui?${times}&page_size=2&page=3`))).toHaveLength(1);
    expect(ids(await call(`/spend/logs/v2?${times}&sort_by=spend&sort_order=asc`))).toEqual(["e", "d", "c", "b", "a"]);
    const filtered = async (query: string) => {
      const answer = (await call(`/spend/logs/v2?${times}&${query}`)) as JsonObject;
      expect(answer.total).toBe((answer.data as Json[]).length);
      return ids(answer).toSorted();
    };
    expect(await filtered("status_filter=failure")).toEqual(["c"]);
    expect(await filtered("error_code=rate_limit&error_message=100%25")).toEqual(["c"]);
    expect(await filtered("error_message=100_")).toEqual([]);
    expect(await filtered("min_spend=0.25&max_spend=0.5")).toEqual(["b", "c"]);
    expect(await filtered("team_id=red&user_id=bob")).toEqual(["b"]);
    expect(await filtered("cache_hit_filter=true")).toEqual(["d"]);
    expect(await filtered("search=MINE")).toEqual(["b"]);
    expect(await filtered("api_key=key-ann")).toEqual(["a"]);
    expect(await filtered("session_id=s")).toEqual(["a", "d"]);
    expect(await filtered("request_id='%20OR%201=1--")).toEqual([]);
    const [row] = ((await call(`/spend/logs/v2?${times}&request_id=a`)) as JsonObject).data as JsonObject[];
    expect(row).toMatchObject({
      request_id: "a",
      litellm_call_id: "a",
      api_key: "key-ann",
      spend: 1,
      status: "success",
      user: "ann",
      team_id: "red",
      request_tags: ["x", "y"],
      startTime: "2026-01-15T12:00:00.000Z",
      request_duration_ms: 250,
      cache_hit: "None",
    });
    expect(await refusalOf("/spend/logs/v2?start_date=2026-01-01")).toBe("invalid_request");
    expect(await refusalOf(`/spend/logs/v2?${times}&page_size=101`)).toBe(422);
    expect(await refusalOf(`/spend/logs/v2?${times}&sort_by=id;drop`)).toBe(422);
    expect(await refusalOf("/spend/logs/v2?start_date=2026-02-31&end_date=2026-03-01")).toBe(400);
  });

  test("/spend/logs gives rows, or sums per day", async () => {
    expect(await call(`/spend/logs?${range}`)).toEqual([
      {
        startTime: "2026-01-13",
        spend: 0.1250007,
        "key-bob": 0.1250007,
        users: {},
        models: { "gpt-4o-2024-08-06": 0.1250007 },
      },
      {
        startTime: "2026-01-14",
        spend: 0.25,
        "key-bob": 0.25,
        users: { bob: 0.25 },
        models: { "gpt-4o-2024-08-06": 0.25 },
      },
      {
        startTime: "2026-01-15",
        spend: 1.5,
        "key-bob": 0.5,
        "key-ann": 1,
        users: { ann: 1, bob: 0.5 },
        models: { other: 0.5, "gpt-4o-2024-08-06": 1 },
      },
    ]);
    expect(await call("/spend/logs?summarize=false&user_id=bob")).toHaveLength(2);
    expect(await call("/spend/logs?request_id=mine")).toMatchObject([{ request_id: "b" }]);
    expect(await call("/spend/logs?api_key=key-ann")).toMatchObject([{ request_id: "a" }]);
    expect(await call("/spend/logs/session/ui?session_id=s")).toMatchObject({ total: 2 });
    expect(await call("/spend/logs/ui/b")).toMatchObject({ litellm_call_id: "mine" });
    expect(await refusalOf("/spend/logs/ui/nothing")).toBe(404);
  });

  test("rows by session, by what they are, and without health checks", async () => {
    const times = "start_date=2026-01-01 00:00:00&end_date=2026-02-01 00:00:00";
    const grouped = (await call(`/spend/logs/v2?${times}&group_by_session=true&page_size=2`)) as JsonObject;
    expect(grouped).toMatchObject({ total: 4, total_pages: 2 });
    const next = await call(
      `/spend/logs/v2?${times}&group_by_session=true&page_size=2&session_cursor=${grouped.next_session_cursor}`,
    );
    expect([...ids(grouped), ...ids(next)].toSorted()).toEqual(["b", "c", "d", "e"]);
    const session = [...((grouped.data ?? []) as JsonObject[]), ...((next as JsonObject).data as JsonObject[])].find(
      (row) => row.request_id === "d",
    );
    expect(session).toMatchObject({ session_total_count: 2, session_total_spend: 1.125 });
    expect(await refusalOf(`/spend/logs/v2?${times}&group_by_session=true&session_cursor=x`)).toBe("invalid_request");
    for (const [query, count] of [
      ["span_type=llm", 5],
      ["span_type=mcp", 0],
      ["used_client_oauth_token=true", 0],
      ["used_client_oauth_token=false", 5],
      ["exclude_internal_health_checks=true", 5],
    ] as const) {
      expect(ids(await call(`/spend/logs/v2?${times}&${query}`))).toHaveLength(count);
    }
  });

  test("usage by the days of another zone, by key, by name, of a model, and as a file", async () => {
    // 12:00 UTC is the day before where the clock is 13 hours behind.
    const behind = (await call(
      "/tag/daily/activity/aggregated?start_date=2026-01-14&end_date=2026-01-14&timezone=780",
    )) as {
      results: JsonObject[];
    };
    expect(behind.results).toMatchObject([{ date: "2026-01-14", metrics: { api_requests: 3 } }]);
    const here = "start_date=2026-01-14&end_date=2026-01-14";
    expect(await call(`/tag/daily/activity/aggregated?${here}`)).toMatchObject({ results: [] });
    const today = "start_date=2026-01-14&end_date=2026-01-14&include_current_utc_day=true";
    expect(await call(`/user/daily/activity/aggregated?${today}`)).toMatchObject({
      metadata: { total_api_requests: 3 },
    });
    const few = (await call(`/tag/daily/activity/aggregated?${range}&api_key_limit=1`)) as { results: JsonObject[] };
    expect(Object.keys(((few.results[0] as JsonObject).breakdown as JsonObject).api_keys as JsonObject)).toEqual([
      "key-ann",
    ]);

    const keys = await call(`/tag/daily/activity/aggregated/keys?${range}&limit=1`);
    expect(keys).toMatchObject({
      total_count: 2,
      has_more: true,
      results: [{ api_key: "key-ann", metrics: { spend: 2 } }],
    });
    const found = await call(`/user/daily/activity/aggregated/search?${range}&search=KEY-A`);
    expect(found).toMatchObject({ total_count: 1, results: [{ api_key: "key-ann" }] });
    const top = await call(
      `/team/daily/activity/aggregated/model_top_keys?${range}&model_group=other&by_model_group=false`,
    );
    expect(top).toMatchObject({ results: [{ api_key: "key-bob", metrics: { spend: 0.5 } }] });
    const rows = await call(`/tag/daily/activity/export?${range}&export_type=daily_with_keys&format=json`);
    expect((rows as JsonObject).data).toMatchObject([
      { date: "2026-01-15", tag: "x", spend: 1, api_key: "key-ann" },
      { date: "2026-01-15", tag: "x", spend: 0.5 },
      { date: "2026-01-15", tag: "y" },
    ]);
    const csv = String(await call(`/tag/daily/activity/export?${range}`));
    expect(csv.split("\r\n").slice(0, 2)).toEqual([
      "date,tag,spend,prompt_tokens,completion_tokens,cache_read_input_tokens,cache_creation_input_tokens,total_tokens,successful_requests,failed_requests,api_requests",
      expect.stringMatching(/^2026-01-15,x,1\.5,/),
    ]);
    expect(await refusalOf(`/tag/daily/activity/export?${range}&tags=x`, ANN)).toBe(403);
  });

  test("who used a tag", async () => {
    const key = { key_name: "n", models: "[]", spend_offset_nano: 0n, previous_tokens: "[]", allowed_routes: "[]" };
    const more = { metadata: "{}", settings: "{}", created_at: 0, updated_at: 0 };
    for (const [token, user_id] of [
      ["key-ann", "ann"],
      ["key-bob", "bob"],
    ] as const) {
      await database.kysely
        .insertInto("virtual_key")
        .values({ ...key, ...more, token, user_id } as never)
        .execute();
    }
    const day = { date: "2026-01-15", period_end: "2026-01-15" };
    expect(await call("/tag/dau")).toEqual({
      results: [
        { tag: "x", active_users: 2, period_start: "2026-01-15", ...day },
        { tag: "y", active_users: 1, period_start: "2026-01-15", ...day },
      ],
    });
    expect(await call("/tag/wau?tag_filters=y")).toMatchObject({
      results: [{ tag: "y", active_users: 1, period_start: "2026-01-09" }],
    });
    expect(await call("/tag/mau?tag_filter=none")).toEqual({ results: [] });
    expect(await call(`/tag/summary?${range}`)).toMatchObject({
      results: [
        { tag: "x", unique_users: 2, total_requests: 2, total_spend: 1.5 },
        { tag: "y", unique_users: 1, total_requests: 1, total_spend: 1 },
      ],
    });
    expect(await call("/tag/distinct")).toEqual({ results: [{ tag: "x" }, { tag: "y" }] });
    const people = await call("/tag/user-agent/per-user-analytics?page_size=2");
    expect(people).toMatchObject({ total_count: 3, total_pages: 2, results: [{ user_id: "ann" }, { user_id: "ann" }] });
  });

  test("callers see what is theirs", async () => {
    const times = "start_date=2026-01-01 00:00:00&end_date=2026-02-01 00:00:00";
    expect(ids(await call(`/spend/logs/v2?${times}`, ANN))).toEqual(["a"]);
    expect(ids(await call(`/spend/logs/v2?${times}&user_id=bob`, ANN))).toEqual([]);
    expect(ids(await call(`/spend/logs/v2?${times}&team_id=red`, ANN))).toEqual(["a"]);
    expect(await call("/spend/logs?request_id=b", ANN)).toEqual([]);
    expect(await refusalOf("/spend/logs/ui/b", ANN)).toBe(404);
    expect(await refusalOf("/spend/logs/b/explain", ANN)).toBe(404);
    expect(await call(`/spend/logs?${range}&user_id=bob`, ANN)).toEqual([]);
    expect(await call("/spend/users", ANN)).toEqual([{ user_id: "ann", spend: 1 }]);
    expect(await call("/spend/users?user_id=bob", ANN)).toEqual([]);
    expect(await call("/spend/keys", ANN)).toMatchObject([{ token: "key-ann", spend: 1 }]);
    expect(await refusalOf(`/team/daily/activity?${range}&team_ids=red`, ANN)).toBe(403);
    expect(await refusalOf(`/user/daily/activity?${range}&user_id=bob`, ANN)).toBe(403);
    await database.kysely
      .insertInto("team_member")
      .values({
        team_id: "red",
        user_id: "ann",
        role: "admin",
        budget_id: null,
        spend_offset_nano: 0n,
        created_at: NOW,
      })
      .execute();
    expect(ids(await call(`/spend/logs/v2?${times}&team_id=red`, ANN))).toEqual(["b", "a"]);
    expect(await call(`/team/daily/activity?${range}`, ANN)).toMatchObject({ metadata: { total_spend: 1.5 } });
    expect(await call("/spend/logs?request_id=b", ANN)).toMatchObject([{ request_id: "b" }]);
  });

  test("…/daily/activity sums per day and says by what", async () => {
    const answer = (await call(`/user/daily/activity?${range}`)) as JsonObject;
    expect(answer.metadata).toMatchObject({
      total_spend: 1.8750007,
      total_api_requests: 5,
      total_successful_requests: 4,
      total_failed_requests: 1,
      total_total_tokens: 600,
      page: 1,
      total_pages: 1,
      has_more: false,
    });
    const [newest] = answer.results as JsonObject[];
    expect(newest).toMatchObject({
      date: "2026-01-15",
      metrics: { spend: 1.5, api_requests: 2 },
      breakdown: {
        models: { other: { metrics: { spend: 0.5 } } },
        endpoints: { "/chat/completions": { metrics: { api_requests: 2 } } },
        providers: { openai: { metrics: { api_requests: 2 } } },
        api_keys: { "key-ann": { metrics: { spend: 1 }, metadata: { key_exists: false } }, "key-bob": {} },
        entities: { ann: { metrics: { spend: 1 } }, bob: {} },
      },
    });
    const total = async (path: string) => ((await call(path)) as { metadata: JsonObject }).metadata.total_spend;
    expect(await total(`/user/daily/activity?${range}&user_id=bob`)).toBe(0.75);
    expect(await total(`/user/daily/activity?${range}&api_key=key-ann`)).toBe(1);
    expect(await total(`/user/daily/activity?${range}&model=other`)).toBe(0.5);
    expect(await total(`/team/daily/activity?${range}`)).toBe(1.5);
    expect(await total(`/team/daily/activity?${range}&exclude_team_ids=red`)).toBe(0);
    expect(await total(`/organization/daily/activity?${range}&organization_ids=org,none`)).toBe(0.125);
    expect(await total(`/customer/daily/activity/aggregated?${range}`)).toBe(0.25);
    expect(await total(`/tag/daily/activity?${range}&tags=x`)).toBe(1.5);
    const paged = (await call(`/user/daily/activity?${range}&page_size=2&page=2`)) as JsonObject;
    expect(paged).toMatchObject({ results: [{ date: "2026-01-13" }], metadata: { page: 2, total_pages: 2 } });
    expect(await refusalOf("/user/daily/activity?start_date=2026-01-01")).toBe(400);
    expect(await refusalOf("/user/daily/activity?start_date=2026-01-02&end_date=2026-01-01")).toBe(400);
  });

  test("totals and activity of all", async () => {
    expect(await call("/global/spend")).toEqual({ spend: 1.8750007, max_budget: 0 });
    expect(await call("/spend/keys")).toMatchObject([
      { token: "key-ann", spend: 1 },
      { token: "key-bob", spend: 0.8750007 },
    ]);
    expect(await call("/spend/tags")).toMatchObject([
      { name: "x", log_count: 2, spend: 1.5 },
      { name: "y", spend: 1 },
    ]);
    expect(await call("/global/spend/tags?tags=y")).toMatchObject([{ name: "y" }]);
    expect(await call("/global/spend/models?limit=1")).toEqual([
      { model: "gpt-4o-2024-08-06", total_spend: 1.3750007 },
    ]);
    expect(await call("/global/spend/provider")).toMatchObject([
      { provider: "openai" },
      { provider: "azure", spend: 0.125 },
    ]);
    expect(await call("/global/spend/teams")).toMatchObject({
      teams: ["red"],
      daily_spend: [{ date: "2026-01-15", red: 1.5 }],
    });
    expect(await call("/global/spend/keys?limit=1")).toMatchObject([{ api_key: "key-ann", total_spend: 1 }]);
    expect(await call("/global/spend/logs")).toHaveLength(3);
    expect(await call("/global/spend/all_tag_names")).toEqual({ tag_names: ["x", "y"] });
    expect(await call("/global/all_end_users")).toEqual({ end_users: ["customer"] });
    expect(await call("/global/spend/end_users", ADMIN, {})).toEqual([
      { end_user: "customer", total_count: 1, total_spend: 0.25 },
    ]);
    expect(await call(`/global/spend/report?${range}`)).toMatchObject([
      { teams: [{ team_name: "red", total_spend: 1.5, metadata: [{ spend: 1 }, { spend: 0.5 }] }] },
    ]);
    expect(await call("/global/activity")).toMatchObject({ sum_api_requests: 5, sum_total_tokens: 600 });
    expect(await call("/global/activity/model")).toMatchObject([{ model: "gpt-4o", sum_api_requests: 5 }]);
    expect(await call(`/global/activity/cache_hits?${range}`)).toContainEqual(
      expect.objectContaining({ api_key: "key-bob", cache_hit_true_rows: 1, cached_completion_tokens: 20 }),
    );
    expect(await call("/global/activity/exceptions?model_group=gpt-4o")).toEqual({
      daily_data: [{ date: "2026-01-14", num_rate_limit_exceptions: 1 }],
      sum_num_rate_limit_exceptions: 1,
    });
    expect(await call("/global/activity/exceptions/deployment?model_group=gpt-4o")).toHaveLength(1);
  });

  test("explain multiplies, and says when it does not come to the same", async () => {
    await database.kysely.updateTable("spend").set({ cost_nano: 200_000n }).where("id", "=", "e").execute();
    expect(await call("/spend/logs/e/explain")).toMatchObject({
      cost: "0.0002",
      sum: "0.0002",
      matches: true,
      parts: [{ text: "100 × 0.000001 = 0.0001" }, { bucket: "output", count: 25, amount: "0.0001" }],
    });
    expect(await call("/spend/logs/a/explain")).toMatchObject({ cost: "1", matches: false, attempts_add_up: false });
  });

  test("/spend/calculate and /cost/estimate know what has a price", async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 25, total_tokens: 125 };
    expect(await call("/spend/calculate", ADMIN, { completion_response: { model: "priced", usage } })).toEqual({
      cost: 0.0002,
    });
    const prompt = (await call("/spend/calculate", ADMIN, {
      model: "priced",
      messages: [{ role: "user", content: "hi" }],
    })) as JsonObject;
    expect(prompt.cost).toBeGreaterThan(0);
    expect(await refusalOf("/spend/calculate", ADMIN, { model: "nobody/knows", messages: [] })).toBe("invalid_request");
    expect(await refusalOf("/spend/calculate", ADMIN, {})).toBe("invalid_request");
    const estimate = { model: "priced", input_tokens: 100, output_tokens: 25, num_requests_per_day: 10 };
    expect(await call("/cost/estimate", ADMIN, estimate)).toMatchObject({
      cost_per_request: 0.0002,
      daily_cost: 0.002,
      monthly_cost: null,
    });
    expect(await refusalOf("/cost/estimate", ADMIN, { ...estimate, input_tokens: -1 })).toBe(422);
  });
});
