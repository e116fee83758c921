/** Values that a body's schema must not take, derived from the schema: a field that is added is covered by itself. */

/** The parts of JSON Schema that zod writes. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly $ref?: string;
}

export interface BadValue {
  /** The field as a path: `members_with_roles.user_id`. */
  readonly field: string;
  readonly what: string;
  /** The body as JSON text: some values are none that JavaScript would write. */
  readonly body: string;
}

/** What stands for text that JSON.stringify cannot write (`1e999`); replaced in the text. */
const RAW = "@@raw@@";
const LONG = "x".repeat(10_000);

type Kind = "null" | "boolean" | "number" | "string" | "array" | "object";

const OF_KIND: Readonly<Record<Exclude<Kind, "null">, unknown>> = {
  boolean: true,
  number: 7,
  string: "twelve",
  array: [{ not: "this" }],
  object: { not: "this" },
};

/** Fields whose texts may have several lines: descriptions, passwords, and secrets such as PEM files. */
const OF_LINES = new Set(["description", "password", "callback_vars"]);
const DURATION = /(duration|interval|grace_period|time_period)$/;
const TIME = /(_expiry|_at|Time)$/;

/** A schema of one type. */
type Alternative = Omit<JsonSchema, "type"> & { readonly type?: string };

function alternatives(schema: JsonSchema): readonly Alternative[] {
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) return several.flatMap(alternatives);
  const { type } = schema;
  if (type === undefined || typeof type === "string") return [schema as Alternative];
  return type.map((one) => ({ ...schema, type: one }));
}

function kindsOf(schema: JsonSchema): ReadonlySet<Kind> | "any" {
  const kinds = new Set<Kind>();
  for (const one of alternatives(schema)) {
    const types = one.enum ?? (one.const === undefined ? undefined : [one.const]);
    if (types !== undefined) for (const value of types) kinds.add(typeof value as Kind);
    else if (one.type === undefined) return "any";
    else kinds.add((one.type === "integer" ? "number" : one.type) as Kind);
  }
  return kinds;
}

/** Every bad value of every field of a body, each in a body that is good but for it. */
export function badValuesOf(schema: JsonSchema, good: Readonly<Record<string, unknown>>): readonly BadValue[] {
  const found: BadValue[] = [];
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    visit(name, field, (value) => ({ ...good, [name]: value }), found, 0);
  }
  return found;
}

type Wrap = (value: unknown) => unknown;

function visit(field: string, schema: JsonSchema, wrap: Wrap, found: BadValue[], depth: number): void {
  const name = field.split(".").at(-1) ?? field;
  const add = (what: string, value: unknown): void => {
    found.push({ field, what, body: JSON.stringify(wrap(value)) });
  };
  const raw = (text: string): void => {
    found.push({ field, what: text, body: JSON.stringify(wrap(RAW)).replace(`"${RAW}"`, text) });
  };
  const kinds = kindsOf(schema);
  if (kinds === "any") {
    add("U+0000", { "a\u0000": "b\u0000" });
    return;
  }
  for (const [kind, value] of Object.entries(OF_KIND)) {
    // A list of objects is a dictionary's list in some fields: its members are looked at below.
    if (!kinds.has(kind as Kind)) add(kind, value);
  }
  for (const one of alternatives(schema)) {
    if (one.enum !== undefined || one.const !== undefined) {
      add("no such word", "emperor");
      add("10,000 characters", LONG);
    } else if (one.type === "string") {
      badTexts(name, add);
    } else if (one.type === "number" || one.type === "integer") {
      add("negative", -1);
      add("beyond every number", 1e300);
      raw("1e999");
      raw("NaN");
      add("the word NaN", "NaN");
      if (one.type === "integer") add("a fraction", 1.5);
    } else if (one.type === "array" && one.items !== undefined && depth < 3) {
      if (kindsOf(one.items) !== "any") add("a list of nothing", [null]);
      visit(field, one.items, (value) => wrap([value]), found, depth + 1);
    } else if (one.type === "object" && depth < 3) {
      badMembers(field, one, wrap, found, depth);
    }
  }
}

function badTexts(name: string, add: (what: string, value: unknown) => void): void {
  add("10,000 characters", LONG);
  add("U+0000", "a\u0000b");
  if (!OF_LINES.has(name)) add("a header", "a\r\nset-cookie: b=c");
  if (DURATION.test(name)) {
    for (const text of ["1 fortnight", "-3d", "0d", "99999999999d", "1e3s", "d"]) add(`duration ${text}`, text);
  }
  if (TIME.test(name)) for (const text of ["tomorrow", "2030-13-45T00:00:00Z"]) add(text, text);
}

function badMembers(field: string, schema: JsonSchema, wrap: Wrap, found: BadValue[], depth: number): void {
  const required = Object.fromEntries((schema.required ?? []).map((name) => [name, sampleOf(schema, name)]));
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    visit(`${field}.${name}`, member, (value) => wrap({ ...required, [name]: value }), found, depth + 1);
  }
  const { additionalProperties: others } = schema;
  if (typeof others === "object" && kindsOf(others) !== "any") {
    visit(`${field}`, others, (value) => wrap({ ...required, a: value }), found, depth + 1);
  }
  // Members that no schema names are left out where others may not be there.
  if (others === undefined) return;
  found.push({ field, what: "U+0000 in a name", body: JSON.stringify(wrap({ ...required, "a\u0000b": {} })) });
}

/** A value that a required member takes. */
function sampleOf(schema: JsonSchema, name: string): unknown {
  const one = alternatives(schema.properties?.[name] ?? {})[0] ?? {};
  if (DURATION.test(name)) return "1d";
  if (name === "model") return "openai/m";
  if (one.enum !== undefined) return one.enum[0];
  return { string: "a", number: 1, integer: 1, boolean: true, array: [], object: {} }[one.type ?? "string"];
}
