import type { Snapshot } from "../snapshot/snapshot.ts";

/** A list of models that a key, a team, a user … may use. */
export interface ModelList {
  /** LiteLLM's word, which the error type begins with: `key`, `team`, `user`, `org`, `project`, `customer`. */
  readonly object: string;
  /** Names, patterns, access groups; empty is no restriction. */
  readonly models: readonly string[];
}

const EVERYTHING = new Set(["*", "all-proxy-models", "all-team-models"]);

/**
 * Whether a list allows a model: empty or `*` allows all; entries are names, patterns such as `openai/*`, names of
 * access groups (of deployments by `model_info.access_groups`, or stored ones), aliases or what they stand for.
 */
export function isModelAllowed(
  models: readonly string[],
  model: string,
  snapshot: Snapshot,
  groups: ReadonlyMap<string, readonly string[]>,
): boolean {
  if (models.length === 0) return true;
  const target = snapshot.aliases.get(model)?.model;
  for (const entry of models) {
    if (EVERYTHING.has(entry) || entry === model || entry === target) return true;
    if (entry.includes("*") && (matches(entry, model) || (target !== undefined && matches(entry, target)))) return true;
    if (snapshot.aliases.get(entry)?.model === model) return true;
    if (groups.get(entry)?.some((name) => name === model || (name.includes("*") && matches(name, model)))) return true;
    if (inAccessGroup(entry, model, snapshot)) return true;
  }
  return false;
}

function matches(pattern: string, model: string): boolean {
  const source = pattern.split("*").map((piece) => piece.replace(/[.*+?^$()|[\]\\{}]/g, "\\$&"));
  return new RegExp(`^${source.join(".*")}$`).test(model);
}

function inAccessGroup(group: string, model: string, snapshot: Snapshot): boolean {
  const deployments =
    snapshot.groups.get(model) ?? snapshot.wildcards.find(({ pattern }) => matches(pattern, model))?.deployments ?? [];
  return deployments.some(({ info }) => Array.isArray(info.access_groups) && info.access_groups.includes(group));
}
