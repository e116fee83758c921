import type { AnswerCache, CachedAnswer } from "../cache/answer-cache.ts";
import { cacheKey } from "../cache/cache-key.ts";
import { type CacheUse, cacheUse } from "../cache/cache-rules.ts";
import type { Meaning } from "../cache/semantic/semantic-index.ts";
import { asObject, type JsonObject } from "../json/json.ts";
import { formatDollars } from "../pricing/cost.ts";
import type { Usage } from "../usage/usage.ts";
import { callHeaders } from "./answer-headers.ts";
import { ClientGone } from "./attempt.ts";
import type { RequestContext } from "./request-context.ts";
import { SECURITY_HEADERS } from "./security-headers.ts";
import type { Settlement } from "./settlement.ts";

/** How a request and the cache stand to each other. */
export interface CacheAccess {
  readonly key: string;
  readonly use: CacheUse;
}

/** Takes the answer of a request that was not in the cache. */
export interface CacheWriter {
  /** The answer went out whole. Called at most once; without a call, whoever waits makes its own. */
  save(text: string, contentType: string, settlement: Settlement, usage: Usage | undefined): void;
}

export function cacheAccess(cache: AnswerCache, context: RequestContext): CacheAccess | undefined {
  if (context.form !== undefined) return undefined;
  const controls = context.principal.grant?.rules?.cacheControls;
  const words = controls === undefined ? context.body : permittedWords(context.body, controls);
  const use = cacheUse(cache.rules, context.callType, words, context.request.headers.get("cache-control"));
  if (use === undefined) return undefined;
  const framing = !context.stream ? "whole" : (context.streamFraming ?? "sse");
  return { use, key: cacheKeyOf(cache, use, context, framing, context.body) };
}

/** The key of a request with this body; model groups that share their answers share their keys. */
export function cacheKeyOf(
  cache: AnswerCache,
  use: CacheUse,
  { client, operation, requestedModel }: RequestContext,
  framing: string,
  body: JsonObject,
): string {
  const model = cache.rules.groups.get(requestedModel) ?? requestedModel;
  return cacheKey(use.namespace, { format: client.id, operation, model, framing }, body);
}

/** Of the request's words about the cache those that its key may use; the others count as not said, as in LiteLLM. */
function permittedWords(body: JsonObject, controls: readonly string[]): JsonObject {
  const words = asObject(body.cache);
  if (words === undefined) return body;
  return { ...body, cache: Object.fromEntries(Object.entries(words).filter(([name]) => controls.includes(name))) };
}

export type CacheLook =
  | { readonly kind: "hit"; readonly answer: CachedAnswer; readonly similarity?: number }
  | { readonly kind: "miss"; readonly writer: PassingWriter; readonly release: () => void };

interface PassingWriter extends CacheWriter {
  /** The answer as it was found elsewhere, for those who wait. */
  pass(answer: CachedAnswer): void;
}

/** Looks, and waits for an equal request that is under way, as long as the client does. */
export async function lookInCache(
  cache: AnswerCache,
  access: CacheAccess,
  context: RequestContext,
  meaning: () => Meaning | undefined,
): Promise<CacheLook> {
  const looking = cache.look(access.key, access.use, meaning);
  const looked = await whileHere(looking, context.request.signal);
  if (looked === undefined) {
    // The place in the queue goes to the next.
    void looking.then((late) => late.kind === "miss" && late.done(undefined));
    throw new ClientGone();
  }
  if (looked.kind === "hit") return looked;
  let open = true;
  const finish = (answer: CachedAnswer | undefined): void => {
    if (!open) return;
    open = false;
    looked.done(answer);
  };
  return {
    kind: "miss",
    release: () => finish(undefined),
    writer: {
      pass: finish,
      save: (text, contentType, settlement, usage) =>
        finish({
          at: Date.now(),
          contentType,
          text,
          buckets: usage?.buckets ?? {},
          cost: String(settlement.cost),
          ...settlement.served,
        }),
    },
  };
}

/** What was promised, or undefined when the client goes away first. */
function whileHere<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const gone = (): void => resolve(undefined);
    signal.addEventListener("abort", gone, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", gone));
  });
}

/** The answer of the cache: it costs nothing, and its row says so. */
export function cachedResponse(
  context: RequestContext,
  access: CacheAccess,
  { answer, similarity }: CacheLook & { kind: "hit" },
  settlement: Settlement,
): Response {
  settlement.settleFromCache(answer);
  const headers: Record<string, string> = {
    ...SECURITY_HEADERS,
    ...callHeaders(context),
    "content-type": answer.contentType,
    "x-litellm-cache-key": access.key,
    ...(similarity === undefined ? {} : { "x-isthmus-semantic-similarity": similarity.toFixed(4) }),
    "x-litellm-model-id": answer.deploymentId,
    "x-litellm-model-group": context.requestedModel.replace(/[^\x20-\x7e]/g, "?"),
    "x-litellm-key-spend": "0.0",
    ...(context.stream
      ? { "cache-control": "no-cache", "x-accel-buffering": "no" }
      : { "x-litellm-response-cost": formatDollars(BigInt(answer.cost)) }),
  };
  return new Response(answer.text, { status: 200, headers });
}
