import type { Log } from "../events/log.ts";
import { isObject, parseJson } from "../json/json.ts";
import type { Buckets } from "../usage/usage.ts";
import type { CacheRules, CacheUse } from "./cache-rules.ts";
import type { CacheStore } from "./cache-store.ts";

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
  | { readonly kind: "hit"; readonly answer: CachedAnswer }
  | { readonly kind: "miss"; readonly done: (answer: CachedAnswer | undefined) => void };

/** Requests that wait for another's answer, per key, beyond which further ones make their own. */
const MOST_WAITING = 10_000;

/** Answers by their keys. Of equal requests at the same time one goes out, and the others wait for it. */
export class AnswerCache {
  readonly rules: CacheRules;
  readonly store: CacheStore;
  readonly #log: Log;
  readonly #flights = new Map<string, Promise<CachedAnswer | undefined>>();
  #waiting = 0;

  constructor(rules: CacheRules, store: CacheStore, log: Log) {
    this.rules = rules;
    this.store = store;
    this.#log = log;
  }

  /**
   * Looks for an answer. After a miss, `done` must be called once: with the answer, or with undefined when there was none
   * to keep; then one of those who wait makes it. A store that fails is a miss.
   */
  async look(key: string, use: CacheUse): Promise<Looked> {
    for (;;) {
      const found = use.read ? await this.#read(key, use) : undefined;
      if (found !== undefined) return { kind: "hit", answer: found };
      const flight = use.read ? this.#flights.get(key) : undefined;
      if (flight === undefined || this.#waiting >= MOST_WAITING) return this.#begin(key, use);
      this.#waiting++;
      const answer = await flight.finally(() => this.#waiting--);
      if (answer !== undefined) return { kind: "hit", answer };
    }
  }

  #begin(key: string, use: CacheUse): Looked {
    let finish: (answer: CachedAnswer | undefined) => void = () => {};
    const flight = new Promise<CachedAnswer | undefined>((resolve) => {
      finish = resolve;
    });
    const first = use.read && !this.#flights.has(key);
    if (first) this.#flights.set(key, flight);
    return {
      kind: "miss",
      done: (answer) => {
        if (first) this.#flights.delete(key);
        finish(answer);
        if (answer !== undefined && use.write) this.#write(key, answer, use.ttl);
      },
    };
  }

  async #read(key: string, use: CacheUse): Promise<CachedAnswer | undefined> {
    try {
      const got = this.store.get(key);
      const text = got instanceof Promise ? await got : got;
      const value = text === undefined ? undefined : parseJson(text);
      if (!isObject(value) || typeof value.text !== "string" || typeof value.at !== "number") return undefined;
      if (use.maxAge !== undefined && Date.now() - value.at > use.maxAge * 1000) return undefined;
      return value as unknown as CachedAnswer;
    } catch (error) {
      this.#log.debug("the cache cannot be read", { reason: String(error) });
      return undefined;
    }
  }

  #write(key: string, answer: CachedAnswer, seconds: number): void {
    const failed = (error: unknown): void => this.#log.debug("the cache cannot be written", { reason: String(error) });
    try {
      const written = this.store.set(key, JSON.stringify(answer), seconds);
      if (written instanceof Promise) written.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}
