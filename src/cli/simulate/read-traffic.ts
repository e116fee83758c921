import { asNumber, asObject, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { TrafficRequest } from "../../routing/simulation/traffic.ts";
import { UsageError } from "../arguments.ts";

/**
 * Traffic of the past, a JSON object a line: rows of LiteLLM's `/spend/logs` (`startTime`, `model_group`,
 * `prompt_tokens`, `completion_tokens`, `api_key`, `team_id`, `request_tags`, `session_id`), or the plainer
 * `{at, model, promptTokens, completionTokens, cachedTokens, stream, key, team, tags, session}`. Sorted by time.
 * Throws UsageError with the line that cannot be read.
 */
export function readTraffic(text: string, name: string): TrafficRequest[] {
  const requests: TrafficRequest[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const row = parseJson(line);
    const request = isObject(row) ? requestOf(row) : undefined;
    if (request === undefined) {
      throw new UsageError(`${name}:${index + 1}: a request needs a time (at or startTime) and a model`);
    }
    requests.push(request);
  }
  if (requests.length === 0) throw new UsageError(`${name} has no requests`);
  return requests.sort((one, other) => one.at - other.at);
}

function requestOf(row: JsonObject): TrafficRequest | undefined {
  const at = timeOf(row.at ?? row.startTime ?? row.started_at);
  const model = asString(row.model_group) || asString(row.model);
  if (at === undefined || model === undefined || model === "") return undefined;
  const tags = row.tags ?? row.request_tags;
  return {
    at,
    model,
    routedTo: asString(row.routedTo ?? asObject(asObject(row.metadata)?.routing_decision)?.model),
    promptTokens: asNumber(row.promptTokens ?? row.prompt_tokens) ?? 0,
    cachedTokens: asNumber(row.cachedTokens ?? row.cache_read_tokens) ?? 0,
    completionTokens: asNumber(row.completionTokens ?? row.completion_tokens) ?? 0,
    stream: row.stream === true || asObject(row.metadata)?.stream === true,
    key: asString(row.key) ?? asString(row.api_key) ?? "",
    team: asString(row.team) ?? asString(row.team_id),
    tags: Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === "string") : [],
    session: asString(row.session) ?? asString(row.session_id),
  };
}

function timeOf(value: unknown): number | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const parsed = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
