import type { Log } from "../events/log.ts";
import { isObject, parseJson } from "../json/json.ts";
import type { Buckets } from "../usage/usage.ts";
import type { CacheRules, CacheUse } from "./cache-rules.ts";
import { type CacheStore, LONGEST_VALUE } from "./cache-store.ts";
import type { Meaning, SemanticIndex } from "./semantic/semantic-index.ts";

/** An answer as it went out. */
export interface CachedAnswer {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly contentType: string;
  /** The body, a stream's with all of its frames. */
  readonly text: string;
  readonly buckets: Buckets;
  /** Decimal text of nano-dollars: what it cost when it was made. */
  readonly cost: string;
  readonly model: string;
  readonly provider: string;
  readonly deploymentId: string;
}

/** What became of a look: an answer, or the duty to make one that others wait for. */
export type Looked =
  | {
      readonly kind: "hit";
      readonly answer: CachedAnswer;
      /** Of an answer to a question in other words: how near that was. */
      readonly similarity?: number;
    }
  | { readonly kind: "miss"; readonly done: (answer: CachedAnswer | undefined) => void };

/** Requests that wait for another's answer, per key, beyond which further ones make their own. */
const MOST_WAITING = 10_000;

/** Answers by their keys. Of equal requests at the same time one goes out, and the others wait for it. */
export class AnswerCache {
  readonly rules: CacheRules;
  readonly store: CacheStore;
  /** Of a semantic cache: the questions that were answered. */
  readonly index: SemanticIndex | undefined;
  readonly #log: Log;
  readonly #flights = new Map<string, Promise<CachedAnswer | undefined>>();
  #waiting = 0;

  constructor(rules: CacheRules, store: CacheStore, log: Log, index?: SemanticIndex) {
    this.rules = rules;
    this.store = store;
    this.index = index;
    this.#log = log;
  }

  /**
   * Looks for an answer, to the same request or, in a semantic cache, to one of the same meaning. After a miss, `done` must
   * be called once: with the answer, or with undefined when there was none to keep; then one of those who wait makes it. A
   * store that fails is a miss.
   */
  async look(key: string, use: CacheUse, meaningOf?: () => Meaning | undefined): Promise<Looked> {
    for (;;) {
      const found = use.read ? await this.read(key, use) : undefined;
      if (found !== undefined) return { kind: "hit", answer: found };
      const flight = use.read ? this.#flights.get(key) : undefined;
      if (flight === undefined || this.#waiting >= MOST_WAITING) return this.#begin(key, use, meaningOf);
      this.#waiting++;
      const answer = await flight.finally(() => this.#waiting--);
      if (answer !== undefined) return { kind: "hit", answer };
    }
  }

  /** Forgets these answers. */
  async delete(keys: readonly string[]): Promise<void> {
    await Promise.all([this.store.delete(keys), this.index?.delete(keys)]);
  }

  /** Forgets all answers. */
  async flush(): Promise<void> {
    await Promise.all([this.store.flush(), this.index?.flush()]);
  }

  async close(): Promise<void> {
    this.index?.close();
    await this.store.close();
  }

  async #begin(key: string, use: CacheUse, meaningOf: (() => Meaning | undefined) | undefined): Promise<Looked> {
    let finish: (answer: CachedAnswer | undefined) => void = () => {};
    const first = use.read && !this.#flights.has(key);
    if (first) {
      const flight = new Promise<CachedAnswer | undefined>((resolve) => {
        finish = resolve;
      });
      this.#flights.set(key, flight);
    }
    const end = (answer: CachedAnswer | undefined): void => {
      if (first) this.#flights.delete(key);
      finish(answer);
    };
    const meaning = this.index === undefined ? undefined : meaningOf?.();
    const similar = use.read && meaning !== undefined ? await this.#similar(meaning, use) : undefined;
    if (similar !== undefined) {
      end(similar.answer);
      return similar;
    }
    return {
      kind: "miss",
      done: (answer) => {
        end(answer);
        if (answer !== undefined && use.write) this.write(key, answer, use.ttl, meaning);
      },
    };
  }

  async #similar(meaning: Meaning, use: CacheUse): Promise<(Looked & { kind: "hit" }) | undefined> {
    const { index } = this;
    const { semantic } = this.rules;
    if (index === undefined || semantic === undefined) return undefined;
    try {
      const vector = await meaning.vector();
      const found = vector === undefined ? undefined : await index.find(meaning.scope, vector);
      if (found === undefined || found.similarity < semantic.threshold) return undefined;
      const answer = found.value === undefined ? await this.read(found.key, use) : readAnswer(found.value, use);
      return answer === undefined ? undefined : { kind: "hit", answer, similarity: found.similarity };
    } catch (error) {
      this.#log.debug("the cache's questions cannot be searched", { reason: String(error) });
      return undefined;
    }
  }

  /** The answer by its key; undefined where there is none that is good enough. */
  async read(key: string, use: CacheUse): Promise<CachedAnswer | undefined> {
    try {
      const got = this.store.get(key);
      return readAnswer(got instanceof Promise ? await got : got, use);
    } catch (error) {
      this.#log.debug("the cache cannot be read", { reason: String(error) });
      return undefined;
    }
  }

  /** Keeps an answer for so many seconds; a store that cannot is no error here. */
  write(key: string, answer: CachedAnswer, seconds: number, meaning?: Meaning): void {
    const failed = (error: unknown): void => this.#log.debug("the cache cannot be written", { reason: String(error) });
    const value = JSON.stringify(answer);
    try {
      const written = this.store.set(key, value, seconds);
      if (written instanceof Promise) written.catch(failed);
    } catch (error) {
      failed(error);
    }
    if (meaning !== undefined && value.length <= LONGEST_VALUE) {
      this.#remember(key, value, seconds, meaning).catch(failed);
    }
  }

  async #remember(key: string, value: string, seconds: number, meaning: Meaning): Promise<void> {
    const vector = await meaning.vector();
    if (vector !== undefined) await this.index?.add(meaning.scope, key, vector, value, seconds);
  }
}

function readAnswer(text: string | undefined, use: CacheUse): CachedAnswer | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  if (!isObject(value) || typeof value.text !== "string" || typeof value.at !== "number") return undefined;
  if (use.maxAge !== undefined && Date.now() - value.at > use.maxAge * 1000) return undefined;
  return value as unknown as CachedAnswer;
}
