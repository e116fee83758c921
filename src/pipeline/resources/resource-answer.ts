import { asArray, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { ResourceFacts, ResourceOwner, StoredResource } from "../../store/resources/resources.ts";
import type { RequestContext } from "../request-context.ts";
import { newManagedId, referredIds, withIds } from "./resource-ids.ts";
import type { ResourceKeeping } from "./resource-keeping.ts";
import type { ResourcePlace } from "./resource-place.ts";
import type { ResourceRoute } from "./resource-routes.ts";

export interface AnswerOf {
  readonly route: ResourceRoute;
  readonly place: ResourcePlace;
  /** The object that the path names first, where it is known. */
  readonly primary: StoredResource | undefined;
  /** What is known of an object that is being made. */
  readonly facts: ResourceFacts;
}

/** Members of an answer that name files which the provider has made. */
const MADE_FILES = ["output_file_id", "error_file_id"] as const;

/** States in which a job stays. */
const FINAL: ReadonlySet<string> = new Set(["completed", "failed", "expired", "cancelled", "succeeded", "ended"]);

/** Whether a job of which this is the description goes on no more. */
export function isFinal(body: JsonObject): boolean {
  return FINAL.has(asString(body.processing_status) ?? asString(body.status) ?? "");
}

/**
 * The provider's answer as its caller gets it: ids of a deployment become those that callers know. What was made, changed
 * or deleted is kept in the table of objects before the caller hears of it.
 */
export async function visibleAnswer(
  keeping: ResourceKeeping,
  context: RequestContext,
  text: string,
  answer: AnswerOf,
): Promise<string> {
  const parsed = parseJson(text);
  if (!isObject(parsed)) return text;
  const made = await newObjects(keeping, context, parsed, answer);
  const ids = await callersIds(keeping, parsed, answer.place, made);
  const named = withIds(parsed, ids, true) as JsonObject;
  const body = answer.route.kind === "message-batches" ? withOwnResults(named) : named;
  await keep(keeping, body, made, answer);
  return body === parsed ? text : JSON.stringify(body);
}

/** Objects of which nobody knew: the one that was asked for, and files that a job has made. */
async function newObjects(
  keeping: ResourceKeeping,
  { principal }: RequestContext,
  body: JsonObject,
  { route, place, primary, facts }: AnswerOf,
): Promise<readonly StoredResource[]> {
  const { keyHash, userId, teamId } = principal;
  const caller: ResourceOwner = { keyHash, userId, teamId };
  const made: StoredResource[] = [];
  const add = (object: string, upstreamId: string, owner: ResourceOwner, ownFacts: ResourceFacts): void => {
    made.push({
      id: place.deploymentId === undefined ? upstreamId : newManagedId(object),
      kind: object,
      provider: place.provider.id,
      deploymentId: place.deploymentId,
      upstreamId,
      model: place.model,
      owner,
      createdAt: Date.now(),
      body: {},
      facts: ownFacts,
    });
  };
  if (route.act === "create" && typeof body.id === "string") add(route.object, body.id, caller, facts);
  const owner = primary?.owner ?? (route.act === "create" ? caller : undefined);
  const files = [...MADE_FILES.map((name) => body[name]), ...asArray(body.result_files)].filter(
    (id): id is string => typeof id === "string" && id !== "",
  );
  if (owner === undefined || files.length === 0) return made;
  const known = await knownAt(keeping, place, files);
  for (const id of new Set(files)) if (!known.has(id)) add("files", id, owner, {});
  return made;
}

async function knownAt(
  { resources }: ResourceKeeping,
  { deploymentId }: ResourcePlace,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredResource>> {
  return deploymentId === undefined ? resources.find(ids) : resources.findUpstream(deploymentId, ids);
}

async function callersIds(
  { resources }: ResourceKeeping,
  body: JsonObject,
  { deploymentId }: ResourcePlace,
  made: readonly StoredResource[],
): Promise<ReadonlyMap<string, string>> {
  if (deploymentId === undefined) return new Map();
  const known = await resources.findUpstream(deploymentId, referredIds(body, true));
  return new Map([...known.values(), ...made].map(({ upstreamId, id }): readonly [string, string] => [upstreamId, id]));
}

async function keep(
  { resources, lookAt }: ResourceKeeping,
  body: JsonObject,
  made: readonly StoredResource[],
  { route, primary }: AnswerOf,
): Promise<void> {
  await resources.insert(
    made.map((resource) =>
      resource.id === body.id
        ? { ...resource, body }
        : { ...resource, body: { id: resource.id, object: "file", purpose: "batch_output" } },
    ),
  );
  if (primary === undefined) return;
  if (route.act === "delete") {
    await resources.remove(primary.id, Date.now());
  } else if (route.act === "read" && body.id === primary.id) {
    await resources.update(primary.id, body);
    if (isFinal(body)) lookAt(primary.id);
  }
}

/** Anthropic's clients fetch a batch's answers from the address that the batch names: below their own base. */
function withOwnResults(body: JsonObject): JsonObject {
  if (Array.isArray(body.data))
    return { ...body, data: body.data.map((one) => (isObject(one) ? withOwnResults(one) : one)) };
  if (typeof body.results_url !== "string" || typeof body.id !== "string") return body;
  return { ...body, results_url: `/v1/messages/batches/${body.id}/results` };
}
