import { GatewayError } from "../../errors/gateway-error.ts";
import { asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { StoredResource } from "../../store/resources/resources.ts";
import type { Gateway } from "../gateway.ts";
import type { RequestContext } from "../request-context.ts";
import { callProvider } from "./provider-call.ts";
import { isFinal, visibleAnswer } from "./resource-answer.ts";
import type { ResourceKeeping } from "./resource-keeping.ts";
import { placeOfResource } from "./resource-place.ts";
import type { ResourceRequest } from "./resource-request.ts";
import type { ResourceRoute } from "./resource-routes.ts";

const USUAL_LIMIT = 20;
const MOST = 100;
const MOST_FILES = 10_000;
/** Jobs of one page whose state is asked for anew. */
const MOST_ASKED = 20;
const ASK_SECONDS = 10;
/** Pages that a filter may look through. */
const MOST_PAGES = 20;

/** Objects that change by themselves: how they are asked for. */
const JOBS: Readonly<Record<string, string>> = {
  batches: "/batches/{id}",
  fine_tuning: "/fine_tuning/jobs/{id}",
  videos: "/videos/{id}",
  message_batches: "/messages/batches/{id}",
};

/** The caller's own objects, as OpenAI lists them: a provider's list would have everybody's. */
export async function ownList(
  gateway: Gateway,
  keeping: ResourceKeeping,
  context: RequestContext,
  request: ResourceRequest,
  only: { readonly model?: string | undefined; readonly provider?: string | undefined },
): Promise<JsonObject> {
  const { query, route } = request;
  const limit = Number(query.get("limit") ?? USUAL_LIMIT);
  const most = route.kind === "files" ? MOST_FILES : MOST;
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw new GatewayError("invalid_request", `limit must be a whole number from 1 to ${most}.`, { param: "limit" });
  }
  const purpose = query.get("purpose");
  const { keyHash, userId, teamId } = context.principal;
  let after = query.get("after") ?? query.get("after_id") ?? undefined;
  const found: StoredResource[] = [];
  let more = false;
  for (let page = 0; page < MOST_PAGES; page++) {
    const rows = await keeping.resources.page({
      kind: route.object,
      owner: { keyHash, userId, teamId },
      limit,
      after,
      descending: query.get("order") !== "asc",
      model: only.model,
      provider: only.provider,
    });
    const fits = rows.slice(0, limit).filter(({ body }) => purpose === null || body.purpose === purpose);
    more = rows.length > limit || found.length + fits.length > limit;
    found.push(...fits);
    after = rows.at(limit - 1)?.id;
    if (found.length >= limit || rows.length <= limit) break;
  }
  const data = await Promise.all(
    found.slice(0, limit).map((resource, index) => present(gateway, keeping, context, route, resource, index)),
  );
  return {
    object: "list",
    data,
    first_id: asString(data[0]?.id) ?? null,
    last_id: asString(data.at(-1)?.id) ?? null,
    has_more: more,
  };
}

/** What is known of an object; of a job that goes on, what its provider says now. */
async function present(
  gateway: Gateway,
  keeping: ResourceKeeping,
  context: RequestContext,
  route: ResourceRoute,
  resource: StoredResource,
  index: number,
): Promise<JsonObject> {
  const path = JOBS[route.object];
  const known = { ...resource.body, id: resource.id };
  if (path === undefined || isFinal(resource.body) || index >= MOST_ASKED) return known;
  try {
    const place = placeOfResource(keeping.targets, context, resource, route.kind, undefined);
    const response = await callProvider(gateway, place, {
      method: "GET",
      path: path.replace("{id}", encodeURIComponent(resource.upstreamId)),
      timeout: ASK_SECONDS,
    });
    const text = await response.text();
    if (response.status !== 200) return known;
    const answer = { route: { ...route, act: "read" as const }, place, primary: resource, facts: {} };
    const body = parseJson(await visibleAnswer(keeping, context, text, answer));
    return isObject(body) ? body : known;
  } catch (error) {
    // What was known when it was last seen is better than no list.
    gateway.log.debug("a job's state could not be asked for", { id: resource.id, reason: String(error) });
    return known;
  }
}
