import type { ParameterReport } from "../formats/report.ts";
import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";

/** Members of a schema whose values are maps from a free name to a schema: their keys are no keywords. */
const SCHEMA_MAPS = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
/** Members of a schema that hold plain data. */
const DATA = new Set(["enum", "const", "default", "example", "examples", "required"]);

/**
 * Strips keywords from every schema of the body: tools (Chat, Responses and Messages spellings) and response formats.
 * `strict` stands beside the schema, not in it, and is stripped there.
 */
export function stripSchemaKeywords(
  body: MutableJsonObject,
  keywords: readonly string[],
  report: ParameterReport,
): void {
  stripToolSchemas(body, keywords, report);
  const format = body.response_format;
  if (isObject(format)) {
    const stripped = stripHolder(format, "json_schema", keywords, "response_format.json_schema", report);
    if (stripped !== format) body.response_format = stripped;
  }
}

/** The same for tools alone, where response formats keep their keywords. */
export function stripToolSchemas(body: MutableJsonObject, keywords: readonly string[], report: ParameterReport): void {
  const tools = body.tools;
  if (Array.isArray(tools)) {
    const stripped = mapUnlessEqual(tools as Json[], (tool) => stripTool(tool, keywords, report));
    if (stripped !== tools) body.tools = stripped;
  }
}

function stripTool(tool: Json, keywords: readonly string[], report: ParameterReport): Json {
  if (!isObject(tool)) return tool;
  if (isObject(tool.function)) return stripHolder(tool, "function", keywords, "tools[].function", report);
  return stripDefinition(tool, keywords, "tools[]", report);
}

function stripHolder(
  holder: JsonObject,
  member: string,
  keywords: readonly string[],
  name: string,
  report: ParameterReport,
): JsonObject {
  const definition = holder[member];
  if (!isObject(definition)) return holder;
  const stripped = stripDefinition(definition, keywords, name, report);
  return stripped === definition ? holder : { ...holder, [member]: stripped };
}

/** A tool's or a format's definition: `strict` beside `parameters`, `input_schema` or `schema`. */
function stripDefinition(
  definition: JsonObject,
  keywords: readonly string[],
  name: string,
  report: ParameterReport,
): JsonObject {
  let copy: MutableJsonObject | undefined;
  if (definition.strict !== undefined && keywords.includes("strict")) {
    copy = { ...definition };
    delete copy.strict;
    report.dropped(`${name}.strict`, "the provider refuses this member");
  }
  for (const member of ["parameters", "input_schema", "schema"]) {
    const schema = definition[member];
    if (!isObject(schema)) continue;
    const removed = new Set<string>();
    const stripped = stripSchema(schema, keywords, removed);
    if (stripped === schema) continue;
    copy ??= { ...definition };
    copy[member] = stripped;
    for (const keyword of removed) {
      report.dropped(`${name}.${member}.${keyword}`, "the provider refuses this schema keyword");
    }
  }
  return copy ?? definition;
}

/** The schema without the keywords, the same object when it has none; `removed` collects what was found. */
export function stripSchema(schema: JsonObject, keywords: readonly string[], removed: Set<string>): JsonObject {
  let copy: MutableJsonObject | undefined;
  for (const [name, value] of Object.entries(schema)) {
    if (value === undefined) continue;
    if (keywords.includes(name)) {
      copy ??= { ...schema };
      delete copy[name];
      removed.add(name);
      continue;
    }
    const stripped = stripMember(name, value, keywords, removed);
    if (stripped === value) continue;
    copy ??= { ...schema };
    copy[name] = stripped;
  }
  return copy ?? schema;
}

function stripMember(name: string, value: Json, keywords: readonly string[], removed: Set<string>): Json {
  if (DATA.has(name)) return value;
  if (Array.isArray(value)) {
    return mapUnlessEqual(value as Json[], (item) => (isObject(item) ? stripSchema(item, keywords, removed) : item));
  }
  if (!isObject(value)) return value;
  if (!SCHEMA_MAPS.has(name)) return stripSchema(value, keywords, removed);
  let copy: MutableJsonObject | undefined;
  for (const [property, schema] of Object.entries(value)) {
    if (!isObject(schema)) continue;
    const stripped = stripSchema(schema, keywords, removed);
    if (stripped === schema) continue;
    copy ??= { ...value };
    copy[property] = stripped;
  }
  return copy ?? value;
}

/** The same array when the function returned every element itself. */
function mapUnlessEqual(items: readonly Json[], change: (item: Json) => Json): readonly Json[] {
  let copy: Json[] | undefined;
  items.forEach((item, index) => {
    const changed = change(item);
    if (changed === item) return;
    copy ??= [...items];
    copy[index] = changed;
  });
  return copy ?? items;
}
