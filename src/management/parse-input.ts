import { z } from "zod";
import { DetailError } from "../errors/detail-error.ts";
import type { Json, JsonObject } from "../json/json.ts";
import { badRequest } from "./refusals.ts";

export type QuerySchemas = Readonly<Record<string, z.ZodType>>;

/**
 * Checks a value against its schema. Throws FastAPI's refusal, status 422, naming every field that does not fit, or
 * LiteLLM's own where all that is wrong is what its handlers refuse.
 */
export function parseInput<S extends z.ZodType>(schema: S, value: JsonObject, where: "body" | "query"): z.output<S> {
  for (const [name, member] of Object.entries(value)) {
    if (!isDeeper(member, MOST_DEEP)) continue;
    throw new DetailError(422, [
      { type: "recursion_loop", loc: [where, name], msg: `Nested deeper than ${MOST_DEEP}` },
    ]);
  }
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const [refusal] = result.error.issues;
  if (refusal !== undefined && result.error.issues.every(isRefusal)) {
    const field = refusal.path.map(String).join(".");
    throw badRequest(sentenceOf(refusal), field);
  }
  throw new DetailError(
    422,
    result.error.issues.flatMap((issue) => flatten(issue, [where])),
  );
}

/** The query's parameters in the types that their schemas name. Parameters that no schema names are left out. */
export function decodeQuery(schemas: QuerySchemas, search: URLSearchParams): Readonly<Record<string, unknown>> {
  const raw: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const values = search.getAll(name);
    if (values.length === 0) continue;
    raw[name] = fromText(schema, values);
  }
  return parseInput(z.object(schemas), raw, "query");
}

/** Text as the type that the schema wants; text that does not look like it stays text and is refused as such. */
function fromText(schema: z.ZodType, values: readonly string[]): Json {
  const type = innermost(schema);
  const last = values[values.length - 1] as string;
  if (type === "array") return [...values];
  if (type === "boolean") return BOOLEANS.get(last.toLowerCase()) ?? last;
  if (type === "number" && last.trim() !== "" && Number.isFinite(Number(last))) return Number(last);
  return last;
}

const BOOLEANS = new Map(
  (["true", "1", "yes", "on", "t", "y"] as const)
    .map((text): [string, boolean] => [text, true])
    .concat(["false", "0", "no", "off", "f", "n"].map((text): [string, boolean] => [text, false])),
);

/** The type below optional, nullable and default. */
function innermost(schema: z.ZodType): string {
  const { def } = schema as unknown as { def: { type: string; innerType?: z.ZodType } };
  return def.innerType === undefined ? def.type : innermost(def.innerType);
}

function flatten(issue: z.core.$ZodIssue, at: readonly (string | number)[]): JsonObject[] {
  const loc = [...at, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    return issue.errors.flatMap((errors) => errors.flatMap((error) => flatten(error, loc)));
  }
  const { type, msg } = describe(issue);
  return [{ type, loc, msg }];
}

/** Levels of lists and dictionaries in a field: what checks, seals and masks them does so one call per level. */
const MOST_DEEP = 64;

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

/** A refusal's sentence with the field that it is about. */
function sentenceOf({ path, message }: z.core.$ZodIssue): string {
  const field = path.map(String).join(".");
  return `${field} ${message.replace("{field}", () => field)}`;
}

/** Whether a schema's refinement is marked as a refusal of LiteLLM's handlers. */
function isRefusal(issue: z.core.$ZodIssue): boolean {
  return issue.code === "custom" && issue.params?.refusal === true;
}

const TYPE_NAMES: Readonly<Record<string, readonly [type: string, noun: string]>> = {
  string: ["string_type", "string"],
  number: ["float_type", "number"],
  int: ["int_type", "integer"],
  boolean: ["bool_type", "boolean"],
  array: ["list_type", "list"],
  object: ["dict_type", "dictionary"],
  record: ["dict_type", "dictionary"],
};

/** Pydantic's names of what can be wrong, and its sentences. */
function describe(issue: z.core.$ZodIssue): { type: string; msg: string } {
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return { type: "missing", msg: "Field required" };
      const [type, noun] = TYPE_NAMES[issue.expected] ?? [`${issue.expected}_type`, issue.expected];
      return { type, msg: `Input should be a valid ${noun}` };
    }
    case "invalid_value":
      return {
        type: issue.values.length === 1 ? "literal_error" : "enum",
        msg: `Input should be ${issue.values.map((value) => `'${String(value)}'`).join(" or ")}`,
      };
    case "too_small":
      return { type: "greater_than_equal", msg: `Input should be at least ${issue.minimum}` };
    case "too_big":
      return issue.origin === "string"
        ? { type: "string_too_long", msg: `String should have at most ${issue.maximum} characters` }
        : { type: "less_than_equal", msg: `Input should be at most ${issue.maximum}` };
    default:
      return { type: "value_error", msg: isRefusal(issue) ? sentenceOf(issue) : issue.message };
  }
}
