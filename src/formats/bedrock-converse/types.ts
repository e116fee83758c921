import { isObject, type JsonObject } from "../../json/json.ts";

/** This format's id, which marks what only it understands. */
export const FORMAT = "bedrock-converse";

/** The one member of a union object and its name: `{"text": …}` → `["text", …]`. */
export function memberOf(block: JsonObject): readonly [string, JsonObject[string]] {
  const [first] = Object.entries(block).filter(([, value]) => value !== undefined && value !== null);
  return first ?? ["", undefined];
}

/** What this format kept there itself; empty where another format or nobody did. */
export function ownNative(holder: {
  readonly native?: { readonly format: string; readonly value: JsonObject };
}): JsonObject {
  return holder.native?.format === FORMAT ? holder.native.value : {};
}

/** The members that are not in `known`, as `native`. */
export function nativeRest(
  value: JsonObject,
  known: ReadonlySet<string>,
): { readonly native?: { readonly format: typeof FORMAT; readonly value: JsonObject } } {
  const rest = Object.entries(value).filter(
    ([name, member]) => !known.has(name) && member !== undefined && member !== null,
  );
  return rest.length === 0 ? {} : { native: { format: FORMAT, value: Object.fromEntries(rest) } };
}

/** Names and ids match `[a-zA-Z0-9_-]{1,64}`; what is longer keeps its beginning and a checksum of the whole. */
export function wireName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_-]/g, "_");
  if (clean.length <= 64) return clean === "" ? "_" : clean;
  // FNV-1a, so that two long names stay two.
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193) >>> 0;
  return `${clean.slice(0, 55)}_${hash.toString(16).padStart(8, "0")}`;
}

/** Who sealed the reasoning of a model on Bedrock: Claude's opens wherever Claude is served. */
export function ownerOf(model: string): string {
  return /claude/i.test(model) ? "anthropic" : "bedrock";
}

/** A cache point's members, wherever it stands. */
export function cachePoint(cache: { readonly ttl?: "5m" | "1h" }): JsonObject {
  return { cachePoint: { type: "default", ...cache } };
}

/** The mark of a `cachePoint` block; undefined for any other block. */
export function cacheMark(block: JsonObject): { readonly ttl?: "5m" | "1h" } | undefined {
  const point = block.cachePoint;
  if (!isObject(point)) return undefined;
  return point.ttl === "5m" || point.ttl === "1h" ? { ttl: point.ttl } : {};
}

/** Where arguments that are no JSON object are kept, since `input` must be one. */
export const INVALID_JSON = "_invalid_json";
