import { asString, isObject, parseJson } from "../../json/json.ts";
import type { DeferredOwner } from "../../store/resources/deferred-costs.ts";
import type { BatchFileFacts } from "../../store/resources/resources.ts";
import type { RequestContext } from "../request-context.ts";
import { rowTags } from "../row-tags.ts";
import type { ResourceKeeping } from "./resource-keeping.ts";
import type { ResourcePlace } from "./resource-place.ts";
import { modelsIn, type ResourceRequest } from "./resource-request.ts";

/** Providers keep a batch's answers for about a month. */
const KEPT_MS = 30 * 86_400_000;

/** A batch that has begun is paid for when it is done: this is remembered before its maker hears of it. */
export async function beginDeferredCost(
  { deferred }: ResourceKeeping,
  context: RequestContext,
  { route, fields }: ResourceRequest,
  place: ResourcePlace,
  answer: { readonly text: string; readonly visible: string },
  facts: BatchFileFacts | undefined,
): Promise<void> {
  const kind = route.kind === "batches" ? "batch" : route.kind === "message-batches" ? "message-batch" : undefined;
  if (kind === undefined) return;
  const id = idOf(answer.visible);
  const upstreamId = idOf(answer.text);
  if (id === undefined || upstreamId === undefined) return;
  const now = Date.now();
  const models = facts?.models ?? [...modelsIn(fields)];
  await deferred.insert(
    {
      id,
      kind,
      provider: place.provider.id,
      deploymentId: place.deploymentId,
      upstreamId,
      spendId: crypto.randomUUID(),
      owner: payerOf(context, place.model ?? models[0] ?? asString(fields.model) ?? ""),
      createdAt: now,
      expiresAt: now + KEPT_MS,
    },
    now,
  );
}

function idOf(text: string): string | undefined {
  const body = parseJson(text);
  return isObject(body) ? asString(body.id) : undefined;
}

/** Who pays for what a request began. */
export function payerOf(context: RequestContext, modelGroup: string): DeferredOwner {
  const { principal, controls, clientAddress } = context;
  return {
    keyHash: principal.keyHash,
    keyAlias: principal.keyAlias,
    userId: principal.userId,
    teamId: principal.teamId,
    organizationId: principal.organizationId,
    endUser: controls.endUser,
    tags: rowTags(context),
    sessionId: controls.sessionId,
    requesterIp: clientAddress,
    modelGroup,
  };
}
