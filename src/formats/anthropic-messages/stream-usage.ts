import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import { decodeUsage } from "./usage.ts";

/**
 * Usage over a stream: `message_start` knows the input, `message_delta` is cumulative and wins wherever it says
 * something (with server tools its input is larger than the first one).
 */
export class StreamUsage {
  #raw: MutableJsonObject | undefined;

  start(usage: JsonObject | undefined): void {
    if (usage !== undefined) this.#raw = { ...usage };
  }

  delta(usage: JsonObject | undefined): void {
    if (usage === undefined) return;
    const merged = this.#raw ?? {};
    for (const [name, value] of Object.entries(usage)) {
      if (value !== null && value !== undefined) merged[name] = value;
    }
    this.#raw = merged;
  }

  /** `usage` as it stands. */
  get raw(): JsonObject | undefined {
    return this.#raw;
  }

  get value(): Usage | undefined {
    return decodeUsage(this.#raw);
  }
}
