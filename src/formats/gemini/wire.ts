import { asArray, asObject, type Json, type JsonObject } from "../../json/json.ts";

/**
 * Google's JSON takes every field in camel case and in snake case (Protocol Buffers' JSON mapping), and its Python
 * client mixes both: readers look for either.
 */
export function field(object: JsonObject | undefined, name: string): Json | undefined {
  if (object === undefined) return undefined;
  const value = object[name];
  return value === undefined ? object[snakeCase(name)] : value;
}

/** The field as an object, or undefined. */
export function objectField(object: JsonObject | undefined, name: string): JsonObject | undefined {
  return asObject(field(object, name));
}

/** The field as a list, empty when it is none. */
export function listField(object: JsonObject | undefined, name: string): readonly Json[] {
  return asArray(field(object, name));
}

/** The members of `object` whose names, in camel case, are not in `known`. */
export function otherFields(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: Record<string, Json> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined && !known.has(camelCase(name))) rest[name] = value;
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
