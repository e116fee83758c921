import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { ParameterReport } from "../report.ts";

const COMBINATIONS = ["anyOf", "oneOf", "allOf"] as const;

/**
 * A tool's schema as Anthropic takes it: the root is an object without combinations of its own
 * (https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use, 2026-11).
 */
export function inputSchema(parameters: JsonObject | undefined, where: string, report: ParameterReport): JsonObject {
  if (parameters === undefined || Object.keys(parameters).length === 0) return { type: "object", properties: {} };
  let schema = parameters;
  const target = resolveRoot(schema);
  if (target !== undefined) {
    const { $ref: _, ...rest } = schema;
    schema = { ...target, ...rest };
    report.converted(where, "Anthropic needs an object at the root of a schema: the reference was resolved");
  }
  if (COMBINATIONS.some((name) => Array.isArray(schema[name]))) {
    schema = flatten(schema);
    report.converted(where, "Anthropic takes no anyOf, oneOf or allOf at the root: the alternatives were joined");
  }
  if (schema.type === "object") return schema;
  if (schema.type !== undefined) {
    report.converted(where, `Anthropic needs an object at the root of a schema, not ${JSON.stringify(schema.type)}`);
  }
  return { ...schema, type: "object", ...(schema.properties === undefined ? { properties: {} } : {}) };
}

/** What a root `$ref` points at inside the same schema. */
function resolveRoot(schema: JsonObject): JsonObject | undefined {
  const path = asString(schema.$ref);
  if (path?.startsWith("#/") !== true) return undefined;
  let found: Json | undefined = schema;
  for (const step of path.slice(2).split("/")) {
    found = asObject(found)?.[step.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return asObject(found);
}

/** All properties of all alternatives; required is what every alternative of `anyOf`/`oneOf` requires. */
function flatten(schema: JsonObject): JsonObject {
  const { anyOf, oneOf, allOf, ...rest } = schema;
  let properties: JsonObject = { ...asObject(rest.properties) };
  let required = strings(rest.required);
  for (const branch of asArray(allOf).filter(isObject)) {
    properties = { ...properties, ...asObject(branch.properties) };
    required = [...required, ...strings(branch.required)];
  }
  for (const list of [anyOf, oneOf]) {
    const branches = asArray(list).filter(isObject);
    for (const branch of branches) properties = { ...asObject(branch.properties), ...properties };
    const [first, ...others] = branches;
    const common = strings(first?.required).filter((name) =>
      others.every((other) => strings(other.required).includes(name)),
    );
    required = [...required, ...common];
  }
  const unique = [...new Set(required)];
  return { ...rest, type: "object", properties, ...(unique.length === 0 ? {} : { required: unique }) };
}

function strings(value: unknown): string[] {
  return asArray(value).filter((entry) => typeof entry === "string");
}
