import { asArray, asObject, asString, parseJson } from "../../json/json.ts";
import { AUTO_ROUTER_CALLER } from "../../pipeline/auto-route.ts";
import { HEALTH_CALLER } from "../../pipeline/health-probe.ts";
import { MIRROR_CALLER } from "../../pipeline/mirror.ts";
import type { TrafficRequest } from "../../routing/simulation/traffic.ts";
import type { Database } from "../../store/database.ts";

export interface LedgerTraffic {
  /** In the order of their time. */
  readonly requests: readonly TrafficRequest[];
  /** Rows that are no request to be made again: answers of the cache, refusals before any call, the gateway's own calls. */
  readonly leftOut: number;
}

export interface LedgerPeriod {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly until: number;
}

const PAGE = 5000;
const OWN_CALLERS: ReadonlySet<string> = new Set([AUTO_ROUTER_CALLER, HEALTH_CALLER, MIRROR_CALLER]);

/** The requests that the ledger has of a period. Keys are called by their alias where they have one. */
export async function ledgerTraffic(database: Database, { from, until }: LedgerPeriod): Promise<LedgerTraffic> {
  const requests: TrafficRequest[] = [];
  let leftOut = 0;
  let last = 0;
  for (;;) {
    const rows = await database.kysely
      .selectFrom("spend")
      .select(["seq", "started_at", "model_group", "prompt_tokens", "cache_read_tokens", "completion_tokens", "stream"])
      .select(["key_hash", "key_alias", "team_id", "tags", "session_id", "cache_hit", "attempts", "metadata"])
      .where("seq", ">", last)
      .where("started_at", ">=", from)
      .where("started_at", "<", until)
      .orderBy("seq")
      .limit(PAGE)
      .execute();
    for (const row of rows) {
      last = row.seq;
      const called = asArray(parseJson(row.attempts)).length > 0;
      if (!called || row.cache_hit === 1 || row.model_group === "" || OWN_CALLERS.has(row.key_hash)) {
        leftOut++;
        continue;
      }
      const decision = asObject(asObject(parseJson(row.metadata ?? ""))?.routing_decision);
      requests.push({
        at: Number(row.started_at),
        model: row.model_group,
        routedTo: asString(decision?.model),
        promptTokens: row.prompt_tokens,
        cachedTokens: row.cache_read_tokens,
        completionTokens: row.completion_tokens,
        stream: row.stream === 1,
        key: row.key_alias ?? row.key_hash,
        team: row.team_id ?? undefined,
        tags: asArray(parseJson(row.tags ?? "")).filter((tag) => typeof tag === "string"),
        session: row.session_id ?? undefined,
      });
    }
    if (rows.length < PAGE) break;
  }
  return { requests: requests.sort((one, other) => one.at - other.at), leftOut };
}
