import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Path } from "../diagnostics.ts";

/** One difference between two configurations. */
export interface Change {
  readonly kind: "added" | "removed" | "changed";
  /** In words: `model gpt (openai/gpt-4o)`, `router_settings.num_retries`. */
  readonly what: string;
  /** Of a changed entry of a list: the member that differs (`litellm_params.rpm`). */
  readonly member?: string;
  readonly before?: Json;
  readonly after?: Json;
  /** Where it stands in the new document; undefined for what is removed. */
  readonly path?: Path;
  /** Taken by the next start only, not by a reload. */
  readonly atStart: boolean;
}

/** Settings that a running gateway does not take: whoever changes them starts it again. */
const AT_START = [
  ["general_settings", "master_key"],
  ["general_settings", "database_url"],
  ["general_settings", "coordination_redis"],
  ["litellm_settings", "cache"],
  ["litellm_settings", "cache_params"],
  ["router_settings", "redis_url"],
  ["router_settings", "redis_host"],
  ["router_settings", "redis_port"],
  ["router_settings", "redis_password"],
  ["router_settings", "redis_db"],
  ["router_settings", "cache_kwargs"],
  ["router_settings", "cache_responses"],
  ["router_settings", "caching_groups"],
];

/** Lists whose entries have names of their own: members of the same name are compared with one another. */
const NAMED: readonly NamedList[] = [
  {
    section: "model_list",
    nameOf: (entry) => asString(entry.model_name),
    likeness: modelOf,
    title: (name, entry) => `model ${name} (${modelOf(entry)})`,
  },
  declaredList("budgets", "budget", (entry) => asString(entry.budget_id)),
  declaredList("teams", "team", (entry) => asString(entry.team_id)),
  declaredList("virtual_keys", "key", (entry) => asString(entry.key_alias) ?? asString(entry.key)),
];

interface NamedList {
  readonly section: string;
  nameOf(entry: JsonObject): string | undefined;
  /** Of several of one name those are compared first that are alike in this. */
  likeness(entry: JsonObject): string;
  title(name: string, entry: JsonObject): string;
}

function declaredList(section: string, title: string, nameOf: NamedList["nameOf"]): NamedList {
  return { section, nameOf, likeness: () => "", title: (name) => `${title} ${name}` };
}

/**
 * What taking `after` in place of `before` changes, models first. Deployments of one model name are compared as alike as
 * possible: those that are equal, then those that call the same model, then one by one.
 */
export function planChanges(before: JsonObject, after: JsonObject): readonly Change[] {
  const changes: Change[] = [];
  for (const list of NAMED) {
    changes.push(...listChanges(list, asArray(before[list.section]), asArray(after[list.section])));
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!NAMED.some(({ section }) => section === name)) compare(before[name], after[name], [name], changes);
  }
  return changes;
}

function compare(before: Json | undefined, after: Json | undefined, path: readonly string[], changes: Change[]): void {
  if (same(before, after)) return;
  if (isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[name], after[name], [...path, name], changes);
    }
    return;
  }
  const gone = after === undefined || after === null;
  changes.push({
    kind: before === undefined || before === null ? "added" : gone ? "removed" : "changed",
    what: path.join("."),
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(gone ? {} : { path }),
    atStart: AT_START.some((one) => one.every((step, index) => path[index] === step)),
  });
}

interface Entry {
  readonly value: JsonObject;
  readonly index: number;
}

function listChanges(list: NamedList, before: readonly Json[], after: readonly Json[]): Change[] {
  const changes: Change[] = [];
  const old = byName(list, before);
  const fresh = byName(list, after);
  for (const name of new Set([...fresh.keys(), ...old.keys()])) {
    const olds = [...(old.get(name) ?? [])];
    const rest: Entry[] = [];
    for (const entry of fresh.get(name) ?? []) {
      const equal = olds.findIndex(({ value }) => same(value, entry.value));
      if (equal >= 0) olds.splice(equal, 1);
      else rest.push(entry);
    }
    for (const entry of rest) {
      const alike = olds.findIndex(({ value }) => list.likeness(value) === list.likeness(entry.value));
      const [partner] = olds.splice(Math.max(alike, 0), olds.length === 0 ? 0 : 1);
      if (partner === undefined) changes.push(whole(list, "added", name, entry));
      else changes.push(...entryChanges(list, name, partner, entry));
    }
    changes.push(...olds.map((entry) => whole(list, "removed", name, entry)));
  }
  return changes;
}

function byName({ nameOf }: NamedList, items: readonly Json[]): Map<string, Entry[]> {
  const names = new Map<string, Entry[]>();
  items.forEach((item, index) => {
    const value = asObject(item);
    const name = value === undefined ? undefined : nameOf(value);
    if (value === undefined || name === undefined) return;
    names.set(name, [...(names.get(name) ?? []), { value, index }]);
  });
  return names;
}

function modelOf(entry: JsonObject): string {
  return asString(asObject(entry.litellm_params)?.model) ?? "";
}

function whole(list: NamedList, kind: "added" | "removed", name: string, { value, index }: Entry): Change {
  return {
    kind,
    what: list.title(name, value),
    ...(kind === "added" ? { path: [list.section, index] } : {}),
    atStart: false,
  };
}

function entryChanges(list: NamedList, name: string, before: Entry, after: Entry): Change[] {
  const found: Change[] = [];
  compare(before.value, after.value, [], found);
  return found.map((change) => ({
    ...change,
    what: list.title(name, after.value),
    member: change.what,
    ...(change.path === undefined ? {} : { path: [list.section, after.index, ...change.path] }),
    atStart: false,
  }));
}

/** The order of members says nothing. */
function same(one: Json | undefined, other: Json | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => same(item as Json, other[index] as Json));
  }
  if (!isObject(one) || !isObject(other)) return (one ?? null) === (other ?? null);
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].every((name) => same(one[name], other[name]));
}
