import {
  asArray,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { ParameterReport } from "../report.ts";

/** Keywords that structured output refuses: https://platform.claude.com/docs/en/build-with-claude/structured-outputs (2026-11) */
const REFUSED = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "maxItems",
  "uniqueItems",
  "minProperties",
  "maxProperties",
] as const;

/** Members that hold schemas by name, and members that hold one or a list of them. */
const NAMED = ["properties", "$defs", "definitions"] as const;
const NESTED = ["items", "anyOf", "oneOf", "allOf", "prefixItems", "not"] as const;

/**
 * The schema as structured output takes it, or undefined where it cannot say it: recursion, and objects with free keys.
 * Limits that it refuses move into the description.
 */
export function outputSchema(schema: JsonObject, where: string, report: ParameterReport): JsonObject | undefined {
  if (isRecursive(schema) || hasFreeKeys(schema)) return undefined;
  const moved = new Set<string>();
  const closed = { count: 0 };
  const encoded = rewrite(schema, moved, closed);
  if (moved.size > 0) {
    report.converted(where, `Anthropic's structured output has no ${[...moved].join(", ")}: moved into descriptions`);
  }
  if (closed.count > 0) report.converted(where, "Anthropic's structured output needs additionalProperties: false");
  return encoded;
}

function rewrite(schema: JsonObject, moved: Set<string>, closed: { count: number }): JsonObject {
  const result: MutableJsonObject = { ...schema };
  const limits: string[] = [];
  for (const name of REFUSED) {
    if (result[name] === undefined) continue;
    limits.push(`${name}: ${JSON.stringify(result[name])}`);
    moved.add(name);
    delete result[name];
  }
  if (typeof result.minItems === "number" && result.minItems > 1) {
    limits.push(`minItems: ${result.minItems}`);
    moved.add("minItems");
    delete result.minItems;
  }
  if (limits.length > 0) {
    const description = asString(result.description);
    result.description = `${description === undefined ? "" : `${description} `}(${limits.join(", ")})`;
  }
  if (describesObject(schema) && result.additionalProperties !== false) {
    result.additionalProperties = false;
    closed.count++;
  }
  for (const name of NAMED) {
    const members = asObject(result[name]);
    if (members === undefined) continue;
    result[name] = Object.fromEntries(
      Object.entries(members).map(([key, value]) => [key, isObject(value) ? rewrite(value, moved, closed) : value]),
    );
  }
  for (const name of NESTED) {
    const value = result[name];
    if (isObject(value)) result[name] = rewrite(value, moved, closed);
    else if (Array.isArray(value)) {
      result[name] = (value as readonly Json[]).map((entry) =>
        isObject(entry) ? rewrite(entry, moved, closed) : entry,
      );
    }
  }
  return result;
}

function describesObject(schema: JsonObject): boolean {
  return (
    schema.type === "object" ||
    (Array.isArray(schema.type) && schema.type.includes("object")) ||
    isObject(schema.properties)
  );
}

function children(schema: JsonObject): JsonObject[] {
  const named = NAMED.flatMap((name) => Object.values(asObject(schema[name]) ?? {}));
  const nested = NESTED.flatMap((name): readonly (Json | undefined)[] => {
    const value = schema[name];
    return Array.isArray(value) ? value : [value];
  });
  return [...named, ...nested].filter(isObject);
}

function everySchema(schema: JsonObject, holds: (schema: JsonObject) => boolean): boolean {
  return holds(schema) && children(schema).every((child) => everySchema(child, holds));
}

function hasFreeKeys(schema: JsonObject): boolean {
  return !everySchema(schema, (inner) => {
    const open = inner.additionalProperties;
    if (open === true || isObject(open) || inner.patternProperties !== undefined) return false;
    return !describesObject(inner) || isObject(inner.properties) || open === false;
  });
}

function isRecursive(schema: JsonObject): boolean {
  const definitions: JsonObject = { ...asObject(schema.definitions), ...asObject(schema.$defs) };
  const states = new Map<string, "open" | "done">();
  const reaches = (from: JsonObject): boolean =>
    references(from).some((path) => {
      if (path === "#" || states.get(path) === "open") return true;
      const target = asObject(definitions[path.split("/").at(-1) ?? ""]);
      if (target === undefined || states.get(path) === "done") return false;
      states.set(path, "open");
      const found = reaches(target);
      states.set(path, "done");
      return found;
    });
  const { $defs: _, definitions: __, ...root } = schema;
  return reaches(root);
}

function references(schema: JsonObject): string[] {
  const own = asString(schema.$ref);
  return [...(own === undefined ? [] : [own]), ...children(schema).flatMap(references)];
}

/** Whether OpenAI's `strict` takes the schema: every object is closed and requires all its properties. */
export function acceptsStrict(schema: JsonObject): boolean {
  return everySchema(schema, (inner) => {
    if (!describesObject(inner)) return true;
    const required = asArray(inner.required);
    const names = Object.keys(asObject(inner.properties) ?? {});
    return inner.additionalProperties === false && names.every((name) => required.includes(name));
  });
}
