import { asArray, asObject, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";

/** Keywords of Gemini's own schema dialect (Gemini API reference, Schema, 2026-11). */
const KEPT = new Set([
  "type",
  "format",
  "title",
  "description",
  "nullable",
  "enum",
  "maxItems",
  "minItems",
  "properties",
  "required",
  "minProperties",
  "maxProperties",
  "minLength",
  "maxLength",
  "pattern",
  "example",
  "anyOf",
  "propertyOrdering",
  "items",
  "minimum",
  "maximum",
]);

const STRING_FORMATS = new Set(["enum", "date-time"]);

/** A schema whose references lead deeper than this is recursive or as good as that. */
const DEEPEST = 40;

export interface ReducedSchema {
  readonly schema: JsonObject;
  /** False when something had to be left out or rewritten. */
  readonly faithful: boolean;
}

/** JSON Schema in the words of Gemini's reduced dialect. */
export function reduceSchema(schema: JsonObject): ReducedSchema {
  const definitions = { ...asObject(schema.definitions), ...asObject(schema.$defs) };
  const state = { faithful: true };
  return { schema: reduce(schema, definitions, state, 0), faithful: state.faithful };
}

function reduce(schema: JsonObject, definitions: JsonObject, state: { faithful: boolean }, depth: number): JsonObject {
  if (depth > DEEPEST) {
    state.faithful = false;
    return { type: "object" };
  }
  if (typeof schema.$ref === "string") {
    state.faithful = false;
    const target = asObject(definitions[schema.$ref.replace(/^#\/(?:\$defs|definitions)\//, "")]);
    const { $ref: _, ...siblings } = schema;
    return reduce({ ...(target ?? { type: "object" }), ...siblings }, definitions, state, depth + 1);
  }
  const result: MutableJsonObject = {};
  for (const [name, value] of Object.entries(schema)) {
    if (value === undefined) continue;
    if (name === "$defs" || name === "definitions" || name === "$schema" || name === "strict") continue;
    if (!KEPT.has(name) && name !== "const" && name !== "oneOf") {
      state.faithful = false;
      continue;
    }
    result[name] = value;
  }
  const next = (value: Json): Json => (isObject(value) ? reduce(value, definitions, state, depth + 1) : value);

  if (Array.isArray(result.type)) {
    state.faithful = false;
    const types = (result.type as readonly Json[]).filter((type) => type !== "null");
    if (types.length < (result.type as readonly Json[]).length) result.nullable = true;
    if (types.length === 1) result.type = types[0] as Json;
    else {
      delete result.type;
      result.anyOf = types.map((type) => ({ type }));
    }
  }
  const alternatives = result.anyOf ?? result.oneOf;
  delete result.oneOf;
  if (alternatives !== undefined) alternate(result, asArray(alternatives), next, state);
  if (result.const !== undefined) {
    state.faithful = false;
    result.enum = [result.const];
    delete result.const;
  }
  if (result.enum !== undefined) {
    const values = asArray(result.enum);
    if (values.some((value) => typeof value !== "string")) state.faithful = false;
    result.enum = values
      .filter((value) => value !== null)
      .map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
    if (result.type !== "string" && result.type !== "STRING") result.type = "string";
  }
  if (typeof result.format === "string" && result.type === "string" && !STRING_FORMATS.has(result.format)) {
    state.faithful = false;
    delete result.format;
  }
  const properties = asObject(result.properties);
  if (properties !== undefined) {
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([name, value]) => [name, next(value as Json)]),
    );
  }
  if (result.items !== undefined) result.items = next(result.items);
  else if (result.type === "array") result.items = { type: "string" };
  return result;
}

function alternate(
  result: MutableJsonObject,
  alternatives: readonly Json[],
  next: (value: Json) => Json,
  state: { faithful: boolean },
): void {
  const others = alternatives.filter((value) => asObject(value)?.type !== "null");
  if (others.length < alternatives.length) {
    state.faithful = false;
    result.nullable = true;
  }
  const only = others.length === 1 ? asObject(next(others[0] as Json)) : undefined;
  delete result.anyOf;
  if (only !== undefined) Object.assign(result, { ...only, ...result });
  else result.anyOf = others.map(next);
}

/** Gemini's dialect back as JSON Schema: type names in lower case, `nullable` as an alternative. */
export function expandSchema(schema: JsonObject): JsonObject {
  const result: MutableJsonObject = {};
  for (const [name, value] of Object.entries(schema)) {
    if (value === undefined) continue;
    switch (name) {
      case "type":
        result.type = typeof value === "string" ? value.toLowerCase() : value;
        break;
      case "properties":
        result.properties = Object.fromEntries(
          Object.entries(asObject(value) ?? {}).map(([key, inner]) => [
            key,
            isObject(inner) ? expandSchema(inner) : (inner as Json),
          ]),
        );
        break;
      case "items":
        result.items = isObject(value) ? expandSchema(value) : value;
        break;
      case "anyOf":
      case "any_of":
        result.anyOf = asArray(value).map((inner) => (isObject(inner) ? expandSchema(inner) : inner));
        break;
      case "nullable":
      case "propertyOrdering":
      case "property_ordering":
        break;
      default:
        result[name] = value;
    }
  }
  if (schema.nullable === true) {
    if (typeof result.type === "string") result.type = [result.type, "null"];
    else if (result.anyOf !== undefined) result.anyOf = [...asArray(result.anyOf), { type: "null" }];
  }
  return result;
}
