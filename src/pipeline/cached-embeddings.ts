import type { AnswerCache, CachedAnswer } from "../cache/answer-cache.ts";
import type { CacheUse } from "../cache/cache-rules.ts";
import { UpstreamError } from "../errors/gateway-error.ts";
import { asArray, asNumber, asObject, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Buckets } from "../usage/usage.ts";
import { type CacheWriter, cacheKeyOf } from "./cached-answer.ts";
import type { RequestContext } from "./request-context.ts";
import type { Settlement } from "./settlement.ts";

/** The part of a list of inputs that is not known yet, as it goes out, and how its answer becomes the whole one. */
export interface PartialRequest {
  readonly body: JsonObject;
  readonly text: string;
  readonly bytes: number;
  /** How many inputs of the list are not asked for, since their vectors are at hand. */
  readonly known: number;
  /** The provider's answer with the known vectors put in. Throws UpstreamError when it has another number of vectors. */
  complete(answer: string): string;
}

export type EmbeddingsLook =
  /** Every vector was known. */
  | { readonly kind: "hit"; readonly answer: CachedAnswer }
  | { readonly kind: "miss"; readonly partial: PartialRequest | undefined; readonly writer: CacheWriter };

/** Whether a request asks for the vectors of several inputs, which are kept one by one. */
export function isEmbeddingList({ operation, body }: RequestContext): boolean {
  return (
    operation === "embeddings" &&
    Array.isArray(body.input) &&
    body.input.length > 0 &&
    body.input.every((item: Json) => typeof item === "string" || Array.isArray(item))
  );
}

/**
 * Looks for the vector of each input. An entry is the answer to a request of that input alone, so lists, shorter lists and
 * single texts find one another's vectors.
 */
export async function lookForEmbeddings(
  cache: AnswerCache,
  use: CacheUse,
  context: RequestContext,
): Promise<EmbeddingsLook> {
  const inputs = asArray(context.body.input);
  const keyOf = (input: Json): string => cacheKeyOf(cache, use, context, "whole", { ...context.body, input });
  const keys = inputs.map(keyOf);
  const known = use.read ? await Promise.all(keys.map((key) => cache.read(key, use))) : keys.map(() => undefined);
  const missing = inputs.flatMap((_, index) => (known[index] === undefined ? [index] : []));
  if (missing.length === 0) {
    const all = known as CachedAnswer[];
    return { kind: "hit", answer: { ...(all[0] as CachedAnswer), ...sums(all), text: merged(all.map(vectorOf), all) } };
  }
  const list = new EmbeddingList(cache, use, { inputs, keys, known, missing });
  return {
    kind: "miss",
    partial: missing.length === inputs.length ? undefined : partialOf(context, inputs, missing, list),
    writer: list,
  };
}

function partialOf(
  context: RequestContext,
  inputs: readonly Json[],
  missing: readonly number[],
  list: EmbeddingList,
): PartialRequest {
  const body = { ...context.body, input: missing.map((index) => inputs[index] as Json) };
  const text = JSON.stringify(body);
  return {
    body,
    text,
    bytes: new TextEncoder().encode(text).length,
    known: inputs.length - missing.length,
    complete: (answer) => list.complete(answer),
  };
}

interface ListState {
  readonly inputs: readonly Json[];
  readonly keys: readonly string[];
  readonly known: readonly (CachedAnswer | undefined)[];
  /** Places of the inputs that have to be asked for. */
  readonly missing: readonly number[];
}

/** One request for several vectors on its way: puts the answer together, and keeps what is new in it. */
class EmbeddingList implements CacheWriter {
  readonly #cache: AnswerCache;
  readonly #use: CacheUse;
  readonly #state: ListState;

  constructor(cache: AnswerCache, use: CacheUse, state: ListState) {
    this.#cache = cache;
    this.#use = use;
    this.#state = state;
  }

  complete(answer: string): string {
    const { inputs, known, missing } = this.#state;
    const fresh = vectorsIn(answer, missing.length);
    if (fresh === undefined) {
      throw new UpstreamError({
        code: "internal",
        message: `the provider did not answer with ${missing.length} vectors for as many inputs`,
      });
    }
    const made = new Map(missing.map((index, place) => [index, fresh[place] as Json]));
    const vectors = inputs.map((_, index) => made.get(index) ?? vectorOf(known[index] as CachedAnswer));
    const kept = known.filter((one) => one !== undefined);
    return merged(vectors, kept, asObject(parseJson(answer)));
  }

  save(
    text: string,
    contentType: string,
    settlement: Settlement,
    usage: { readonly buckets: Buckets } | undefined,
  ): void {
    if (!this.#use.write) return;
    const { inputs, keys, missing } = this.#state;
    const vectors = vectorsIn(text, inputs.length);
    const head = asObject(parseJson(text));
    if (vectors === undefined || head === undefined) return;
    const tokens = usage?.buckets.input ?? 0;
    const sizes = missing.map((index) => sizeOf(inputs[index] as Json));
    const tokenShares = shares(BigInt(tokens), sizes);
    const costShares = shares(settlement.cost, sizes);
    missing.forEach((index, place) => {
      const input = Number(tokenShares[place]);
      const alone = { ...head, data: [vectorAt(vectors[index] as Json, 0)], usage: usageOf(input) };
      this.#cache.write(
        keys[index] as string,
        {
          at: Date.now(),
          contentType,
          text: JSON.stringify(alone),
          buckets: input === 0 ? {} : { input },
          cost: String(costShares[place]),
          ...settlement.served,
        },
        this.#use.ttl,
      );
    });
  }
}

/** The members of `data` in the order of their index; undefined where there are not as many as expected. */
function vectorsIn(answer: string, expected: number): readonly Json[] | undefined {
  const body = parseJson(answer);
  const data = isObject(body) ? asArray(body.data) : [];
  if (data.length !== expected || !data.every(isObject)) return undefined;
  const at = (item: Json, place: number): number => asNumber(asObject(item)?.index) ?? place;
  return data
    .map((item, place) => ({ item, at: at(item, place) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}

function vectorOf({ text }: CachedAnswer): Json {
  const body = parseJson(text);
  return (isObject(body) ? asArray(body.data)[0] : undefined) ?? {};
}

function vectorAt(vector: Json, index: number): Json {
  return { ...asObject(vector), index };
}

/** An answer with all vectors; `usage` counts the known ones, too. Everything else is as in the newest answer. */
function merged(vectors: readonly Json[], known: readonly CachedAnswer[], newest?: JsonObject): string {
  const head = newest ?? asObject(parseJson((known[0] as CachedAnswer).text)) ?? {};
  const asked = asNumber(asObject(newest?.usage)?.prompt_tokens) ?? 0;
  const tokens = asked + known.reduce((sum, { buckets }) => sum + (buckets.input ?? 0), 0);
  return JSON.stringify({
    ...head,
    data: vectors.map(vectorAt),
    usage: { ...asObject(head.usage), ...usageOf(tokens) },
  });
}

function usageOf(tokens: number): JsonObject {
  return { prompt_tokens: tokens, total_tokens: tokens };
}

function sums(answers: readonly CachedAnswer[]): Pick<CachedAnswer, "buckets" | "cost"> {
  const input = answers.reduce((sum, { buckets }) => sum + (buckets.input ?? 0), 0);
  const cost = answers.reduce((sum, answer) => sum + BigInt(answer.cost), 0n);
  return { buckets: { input }, cost: String(cost) };
}

function sizeOf(input: Json): number {
  return Array.isArray(input) ? input.length : Math.max(String(input).length, 1);
}

/** Parts of a total by size, whose sum is the total: a provider counts a list as one. */
function shares(total: bigint, sizes: readonly number[]): readonly bigint[] {
  const whole = BigInt(sizes.reduce((sum, size) => sum + size, 0) || 1);
  let given = 0n;
  let upTo = 0n;
  return sizes.map((size) => {
    upTo += BigInt(size);
    const share = (total * upTo) / whole - given;
    given += share;
    return share;
  });
}
