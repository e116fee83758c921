import { isObject, type Json, type JsonObject } from "../json/json.ts";
import type { Path } from "./load.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = "os.environ/";

/** A reference to a variable that is not set. */
export interface MissingReference {
  readonly path: Path;
  readonly name: string;
}

/**
 * Replaces `os.environ/NAME`, as a whole string value anywhere, by the variable. What is missing becomes null, as in
 * LiteLLM, and is told. Only the operator's own files are resolved, never what comes from a request or a database.
 */
export function resolveReferences(
  value: Json,
  environment: Environment,
  path: Path,
  missing: MissingReference[],
): Json {
  if (typeof value === "string") {
    if (!value.startsWith(PREFIX)) return value;
    const name = value.slice(PREFIX.length);
    const found = environment[name];
    if (found !== undefined) return found;
    missing.push({ path, name });
    return null;
  }
  if (Array.isArray(value)) {
    return (value as readonly Json[]).map((item, index) =>
      resolveReferences(item, environment, [...path, index], missing),
    );
  }
  if (isObject(value)) return resolveMembers(value, environment, path, missing);
  return value;
}

export function resolveMembers(
  value: JsonObject,
  environment: Environment,
  path: Path,
  missing: MissingReference[],
): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      member === undefined ? null : resolveReferences(member, environment, [...path, key], missing),
    ]),
  );
}
