import type { OutboundRequest } from "../../providers/provider.ts";
import { type CacheStore, LONGEST_VALUE } from "../cache-store.ts";
import type { RemoteAnswer, RemoteCalls } from "../remote-calls.ts";
import type { ObjectService } from "./object-service.ts";

/** Milliseconds since the epoch until which an object counts. Azure takes no hyphen in such a name. */
const UNTIL = "isthmusuntil";
const DELETES_AT_ONCE = 16;

/**
 * Keeps values as objects of a bucket, below a prefix. Buckets forget nothing by themselves: an object says until when it
 * counts, and a lifecycle rule of the bucket should remove old ones.
 */
export class ObjectStore implements CacheStore {
  readonly type: CacheStore["type"];
  readonly #service: ObjectService;
  readonly #calls: RemoteCalls;
  readonly #prefix: string;
  readonly #now: () => number;

  constructor(service: ObjectService, calls: RemoteCalls, prefix: string, now: () => number = Date.now) {
    this.type = service.type;
    this.#service = service;
    this.#calls = calls;
    this.#prefix = prefix;
    this.#now = now;
  }

  async get(key: string): Promise<string | undefined> {
    const answer = await this.#ask({ method: "GET", url: this.#service.url(this.#prefix + key) });
    if (answer.status === 404) return undefined;
    this.#expect(answer, "read");
    const until = Number(answer.headers.get(this.#service.metadataPrefix + UNTIL) ?? Number.POSITIVE_INFINITY);
    return until > this.#now() ? answer.text : undefined;
  }

  async set(key: string, value: string, seconds: number): Promise<void> {
    if (value.length > LONGEST_VALUE) return;
    const { writeHeaders, metadataPrefix } = this.#service;
    const answer = await this.#ask({
      method: "PUT",
      url: this.#service.url(this.#prefix + key),
      headers: { ...writeHeaders, [metadataPrefix + UNTIL]: String(Math.ceil(this.#now() + seconds * 1000)) },
      body: value,
    });
    this.#expect(answer, "write");
  }

  async delete(keys: readonly string[]): Promise<number> {
    await this.#deleteNames(keys.map((key) => this.#prefix + key));
    return keys.length;
  }

  /** Removes what is below the prefix. */
  async flush(): Promise<void> {
    let from: string | undefined;
    do {
      const { names, next } = await this.#page(from);
      await this.#deleteNames(names);
      from = next;
    } while (from !== undefined);
  }

  async ping(): Promise<void> {
    await this.#page(undefined);
  }

  close(): void {}

  async #page(from: string | undefined) {
    const query = new URLSearchParams(this.#service.listQuery(this.#prefix, from));
    const answer = await this.#ask({ method: "GET", url: `${this.#service.url()}?${query}` });
    this.#expect(answer, "list");
    return this.#service.readPage(answer.text);
  }

  async #deleteNames(names: readonly string[]): Promise<void> {
    const queue = [...names];
    const work = async (): Promise<void> => {
      for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
        const answer = await this.#ask({ method: "DELETE", url: this.#service.url(name) });
        if (answer.status !== 404) this.#expect(answer, "delete");
      }
    };
    await Promise.all(Array.from({ length: DELETES_AT_ONCE }, work));
  }

  #ask(request: Pick<OutboundRequest, "method" | "url"> & Partial<OutboundRequest>): Promise<RemoteAnswer> {
    return this.#calls.send(() => this.#service.authorize({ headers: {}, body: undefined, ...request }));
  }

  #expect({ status, text }: RemoteAnswer, what: string): void {
    if (status >= 200 && status < 300) return;
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
    throw new Error(
      `${this.type} does not let the cache ${what}: status ${status}${code === undefined ? "" : ` (${code})`}`,
    );
  }
}
