import { createHash } from "node:crypto";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../../json/json.ts";
import type { RemoteCalls } from "../remote-calls.ts";
import type { SemanticIndex, Similar } from "./semantic-index.ts";

export interface QdrantSettings {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly collection: string;
  readonly quantization: "binary" | "scalar" | "product" | undefined;
}

/** LiteLLM's three, in Qdrant's words. */
const QUANTIZATION: Readonly<Record<"binary" | "scalar" | "product", JsonObject>> = {
  binary: { binary: { always_ram: false } },
  scalar: { scalar: { type: "int8", quantile: 0.99, always_ram: false } },
  product: { product: { compression: "x16", always_ram: false } },
};

/** Marks our own points among those of others in the collection. */
const OWNER = "isthmus";
const SWEEP_MS = 300_000;

/** Questions and their answers in a collection of Qdrant. https://api.qdrant.tech/ (2026-11-26) */
export class QdrantIndex implements SemanticIndex {
  readonly #settings: QdrantSettings;
  readonly #calls: RemoteCalls;
  readonly #now: () => number;
  #ready: Promise<void> | undefined;
  #sweptAt: number;

  constructor(settings: QdrantSettings, calls: RemoteCalls, now: () => number = Date.now) {
    this.#settings = settings;
    this.#calls = calls;
    this.#now = now;
    this.#sweptAt = now();
  }

  async find(scope: string, vector: Float32Array): Promise<Similar | undefined> {
    await this.#prepared(vector.length);
    const { result } = await this.#post("/points/search", {
      vector: [...vector],
      limit: 1,
      with_payload: true,
      filter: {
        must: [
          { key: "owner", match: { value: OWNER } },
          { key: "scope", match: { value: scope } },
          { key: "until", range: { gt: this.#now() } },
        ],
      },
    });
    const point = asObject(asArray(result)[0]);
    const payload = asObject(point?.payload);
    const similarity = asNumber(point?.score);
    const key = asString(payload?.key);
    const value = asString(payload?.value);
    return key === undefined || value === undefined || similarity === undefined
      ? undefined
      : { key, value, similarity };
  }

  async add(scope: string, key: string, vector: Float32Array, value: string, seconds: number): Promise<void> {
    await this.#prepared(vector.length);
    const until = Math.ceil(this.#now() + seconds * 1000);
    const payload = { owner: OWNER, scope, key, value, until };
    await this.#call("PUT", "/points", { points: [{ id: pointId(key), vector: [...vector], payload }] });
    if (this.#now() - this.#sweptAt > SWEEP_MS) {
      this.#sweptAt = this.#now();
      await this.#remove([{ key: "until", range: { lte: this.#now() } }]);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#post("/points/delete?wait=true", { points: keys.map(pointId) });
  }

  async flush(): Promise<void> {
    await this.#remove([]);
  }

  async ping(): Promise<void> {
    await this.#ask("GET", "/collections", undefined);
  }

  close(): void {}

  #remove(conditions: readonly JsonObject[]): Promise<JsonObject> {
    const must = [{ key: "owner", match: { value: OWNER } }, ...conditions];
    return this.#post("/points/delete?wait=true", { filter: { must } });
  }

  #prepared(dimensions: number): Promise<void> {
    this.#ready ??= this.#create(dimensions).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  /** Makes the collection and its indexes where they are missing. */
  async #create(dimensions: number): Promise<void> {
    const { quantization } = this.#settings;
    const found = await this.#ask("GET", this.#path(""), undefined);
    if (found.status === 404) {
      await this.#call("PUT", "", {
        vectors: { size: dimensions, distance: "Cosine" },
        ...(quantization === undefined ? {} : { quantization_config: QUANTIZATION[quantization] }),
      });
    }
    await this.#call("PUT", "/index", { field_name: "scope", field_schema: "keyword" });
    await this.#call("PUT", "/index", { field_name: "until", field_schema: "integer" });
  }

  #path(rest: string): string {
    return `/collections/${encodeURIComponent(this.#settings.collection)}${rest}`;
  }

  #post(path: string, body: Json): Promise<JsonObject> {
    return this.#call("POST", path, body);
  }

  async #call(method: "PUT" | "POST", path: string, body: Json): Promise<JsonObject> {
    const { status, answer } = await this.#ask(method, this.#path(path), body);
    if (status < 200 || status > 299) {
      const reason = asString(asObject(answer.status)?.error) ?? `status ${status}`;
      throw new Error(`qdrant: ${reason}`);
    }
    return answer;
  }

  async #ask(
    method: "GET" | "PUT" | "POST",
    path: string,
    body: Json | undefined,
  ): Promise<{ readonly status: number; readonly answer: JsonObject }> {
    const { url, apiKey } = this.#settings;
    const { status, text } = await this.#calls.send(() => ({
      method,
      url: url + path,
      headers: { "content-type": "application/json", ...(apiKey === undefined ? {} : { "api-key": apiKey }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    }));
    const answer = parseJson(text);
    return { status, answer: isObject(answer) ? answer : {} };
  }
}

/** Points have a UUID; ours is the key's hash. */
function pointId(key: string): string {
  const hex = createHash("sha256").update(key).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}
