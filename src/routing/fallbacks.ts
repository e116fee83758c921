import type { ErrorCode } from "../errors/gateway-error.ts";
import { asString, isObject, type Json, type JsonObject } from "../json/json.ts";

/** A group (or deployment id) that takes over, and what it is sent in place of the request's own members. */
export interface FallbackTarget {
  readonly model: string;
  readonly overrides: JsonObject | undefined;
}

export type FallbackTable = ReadonlyMap<string, readonly FallbackTarget[]>;

/** The tables of `router_settings`; undefined where the key is unset, which is not the same as an empty list. */
export interface FallbackTables {
  /** `default_fallbacks` stands under `*`. */
  readonly general: FallbackTable | undefined;
  readonly contextWindow: FallbackTable | undefined;
  readonly contentPolicy: FallbackTable | undefined;
}

/** One target as configurations and requests write it: a name, or an object with `model` and what is replaced. */
export function fallbackTarget(value: Json | undefined): FallbackTarget | undefined {
  const name = asString(value);
  if (name !== undefined) return { model: name, overrides: undefined };
  if (!isObject(value)) return undefined;
  const { model, ...overrides } = value;
  const named = asString(model);
  return named === undefined ? undefined : { model: named, overrides };
}

/** `[{"model-a": ["model-b"]}]` as a table. A group that is named twice keeps what was said first. */
export function fallbackTable(value: Json | undefined, defaults?: Json): FallbackTable | undefined {
  const lists = Array.isArray(value) ? (value as readonly Json[]) : [];
  const standard = Array.isArray(defaults) ? (defaults as readonly Json[]) : [];
  if (lists.length === 0 && standard.length === 0) return undefined;
  const table = new Map<string, readonly FallbackTarget[]>();
  for (const entry of lists) {
    if (!isObject(entry)) continue;
    for (const [group, targets] of Object.entries(entry)) if (!table.has(group)) table.set(group, targetsOf(targets));
  }
  if (standard.length > 0 && !table.has("*")) table.set("*", targetsOf(standard));
  return table;
}

function targetsOf(value: Json | undefined): readonly FallbackTarget[] {
  return (Array.isArray(value) ? (value as readonly Json[]) : []).flatMap((item) => {
    const target = fallbackTarget(item);
    return target === undefined ? [] : [target];
  });
}

/**
 * A request's own `fallbacks`: names, objects with `model`, or maps as configurations write them. Undefined where it
 * says nothing; a string where it is wrong: what is wrong.
 */
export function requestFallbacks(value: Json | undefined): FallbackTable | undefined | string {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return "must be a list";
  const items = value as readonly Json[];
  const own: FallbackTarget[] = [];
  const maps: JsonObject[] = [];
  for (const item of items) {
    const target = fallbackTarget(item);
    if (target !== undefined) own.push(target);
    else if (isObject(item) && item.model === undefined && Object.values(item).every((list) => Array.isArray(list))) {
      maps.push(item);
    } else return 'must hold model names, objects with "model", or maps from a model to a list';
  }
  const table = new Map(fallbackTable(maps) ?? []);
  if (own.length > 0) table.set("*", own);
  return table;
}

/** Exact name, then the same name with or without its provider, then `*`. `names`: as asked for, and with its alias followed. */
export function lookUp(
  table: FallbackTable | undefined,
  names: readonly string[],
): readonly FallbackTarget[] | undefined {
  if (table === undefined) return undefined;
  for (const name of names) {
    const exact = table.get(name);
    if (exact !== undefined) return exact;
  }
  for (const name of names) {
    const sibling = siblingOf(table, name);
    if (sibling !== undefined) return sibling;
  }
  return table.get("*");
}

function siblingOf(table: FallbackTable, name: string): readonly FallbackTarget[] | undefined {
  const slash = name.indexOf("/");
  if (slash !== -1) return table.get(name.slice(slash + 1));
  for (const [group, targets] of table) if (group.endsWith(`/${name}`)) return targets;
  return undefined;
}

/**
 * What follows when a group failed for good. A prompt that is too long, or that a policy forbids, has lists of its own
 * where they are configured; a group without an entry there gets no general fallback.
 */
export function fallbacksAfter(
  tables: FallbackTables,
  code: ErrorCode,
  names: readonly string[],
): readonly FallbackTarget[] {
  if (code === "context_window_exceeded" && tables.contextWindow !== undefined) {
    return lookUp(tables.contextWindow, names) ?? [];
  }
  if (code === "content_policy_violation" && tables.contentPolicy !== undefined) {
    return lookUp(tables.contentPolicy, names) ?? [];
  }
  return lookUp(tables.general, names) ?? [];
}
