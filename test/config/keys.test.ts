import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import type { Section } from "../../src/config/key.ts";
import { litellmParams } from "../../src/config/keys/litellm-params.ts";
import { CONFIGURATION, SECTIONS, suggestKey } from "../../src/config/keys.ts";
import { readScalar, type ValueType } from "../../src/config/value-type.ts";
import type { Json, JsonObject } from "../../src/json/json.ts";
import { allProviders } from "../../src/providers/registry.ts";
import { diagnosticsOf, placeOf } from "./files.ts";

/** Every position of the tables that a value can be given a type in, as a way from the top level. */
interface Position {
  readonly name: string;
  readonly type: ValueType;
  /** The whole configuration with this value in the position. */
  readonly around: (value: Json) => JsonObject;
}

/** A value of the type. */
function right(type: ValueType): Json {
  switch (type.kind) {
    case "anything":
      return "x";
    case "text":
      return type.form?.example ?? type.choices?.[0] ?? "text";
    case "number":
      return Math.min(7, type.most ?? 7);
    case "flag":
      return true;
    case "list":
      return [right(type.items)];
    case "map":
      return { name: right(type.values) };
    case "section":
      return Object.fromEntries(
        type.section.required.map((name) => [name, right(type.section.keys.get(name)?.type ?? { kind: "anything" })]),
      );
    case "either":
      return right(type.types[0] as ValueType);
  }
}

function positionsOf(section: Section, name: string, around: (value: JsonObject) => JsonObject): Position[] {
  const needed = right({ kind: "section", section }) as JsonObject;
  return [...section.keys].flatMap(([key, { type, status }]) => {
    if (status === "ignored") return [];
    return positionsIn(type, `${name}.${key}`, (value) => around({ ...needed, [key]: value }));
  });
}

function positionsIn(type: ValueType, name: string, around: (value: Json) => JsonObject): Position[] {
  const here: Position[] = type.kind === "anything" ? [] : [{ name, type, around }];
  if (type.kind === "list") return [...here, ...positionsIn(type.items, `${name}[]`, (value) => around([value]))];
  if (type.kind === "map")
    return [...here, ...positionsIn(type.values, `${name}.*`, (value) => around({ name: value }))];
  if (type.kind === "section") return [...here, ...positionsOf(type.section, name, around)];
  return here;
}

const POSITIONS = positionsOf(CONFIGURATION, "", (value) => value).filter(({ name }) => !name.startsWith(".include"));

/** Values of which at least one is wrong for every type. */
const SAMPLES: readonly Json[] = [12.5, -1, "neither", [["nested"]], { a: { b: 1 } }, [1], { a: 1 }, true];

function accepts(type: ValueType, value: Json): boolean {
  switch (type.kind) {
    case "list":
      return Array.isArray(value) && value.every((item: Json) => accepts(type.items, item));
    case "map":
      return isMap(value) && Object.values(value).every((item) => accepts(type.values, item as Json));
    case "section":
      return isMap(value);
    case "either":
      return type.types.some((one) => accepts(one, value));
    case "anything":
      return true;
    default:
      return readScalar(type, value) !== undefined;
  }
}

function isMap(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

describe("types", () => {
  test("the tables give hundreds of positions", () => {
    expect(POSITIONS.length).toBeGreaterThan(500);
  });

  test("a wrong type in any position refuses the file and says which key and where", () => {
    for (const { name, type, around } of POSITIONS) {
      const wrong = SAMPLES.find((sample) => !accepts(type, sample));
      if (wrong === undefined) throw new Error(`${name} takes anything`);
      const text = stringify(around(wrong));
      const errors = diagnosticsOf(text).filter((one) => one.code === "invalid_type");
      expect(errors, name).not.toBeEmpty();
      const key = name
        .replaceAll(/\[\]|\.\*/g, "")
        .split(".")
        .at(-1) as string;
      const [error] = errors;
      expect(error?.message).toContain(key);
      const lines = text.split("\n").slice(0, error?.location?.line);
      expect(
        lines.some((line) => line.includes(key)),
        `${name} at ${error && placeOf(error)}`,
      ).toBe(true);
    }
  });

  test("a right value and null refuse nothing in any position", () => {
    for (const { name, type, around } of POSITIONS) {
      for (const value of [right(type), null]) {
        const errors = diagnosticsOf(stringify(around(value))).filter((one) => one.severity === "error");
        // What a list, a required key or a key with a companion cannot do without, deployments that no provider can make of sample values, and files that are not there.
        const real = errors.filter(
          ({ code }) =>
            !["deployment_skipped", "incomplete", "file_missing"].includes(code) &&
            !(value === null && code === "missing_key"),
        );
        expect(real, `${name}: ${JSON.stringify(value)}`).toEqual([]);
      }
    }
  });

  test("numbers and flags mean the same in quotes, as YAML 1.1 and out of the environment", () => {
    const texts: [string, (n: number) => string][] = [
      ["plain", String],
      ["quoted", (n) => `"${n}"`],
      [
        "with underscores",
        (n) => (n >= 1000 ? `${Math.floor(n / 1000)}_${String(n % 1000).padStart(3, "0")}` : String(n)),
      ],
    ];
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.constantFrom(...texts), (n, [, write]) => {
        expect(diagnosticsOf(`router_settings: {num_retries: ${write(n)}}\n`)).toEqual([]);
        expect(
          readScalar({ kind: "number", whole: true, least: 0 }, n >= 1000 ? write(n).replaceAll('"', "") : n),
        ).toBe(n);
      }),
    );
    for (const word of ["true", "True", "yes", "on", '"1"', "TRUE"]) {
      expect(readScalar({ kind: "flag", usual: false }, word.replaceAll('"', ""))).toBe(true);
      expect(diagnosticsOf(`litellm_settings: {drop_params: ${word}}\n`)).toEqual([]);
    }
    for (const word of ["maybe", "2", "''"])
      expect(diagnosticsOf(`litellm_settings: {drop_params: ${word}}\n`)).toHaveLength(1);
  });
});

describe("the tables", () => {
  test("every parameter that a provider reads is in the table, so that none goes upstream", () => {
    const read = new Set<string>();
    const base = "https://models.example/v1";
    const azure = { tenant_id: "t", client_id: "c", azure_username: "u" };
    for (const provider of allProviders()) {
      for (const given of [
        {},
        { api_key: "k" },
        { api_base: base },
        { api_key: "k", api_base: base },
        azure,
      ] as JsonObject[]) {
        const params = new Proxy(given, {
          get: (target, name) => {
            if (typeof name === "string") read.add(name);
            return Reflect.get(target, name);
          },
        });
        provider.configure({ params, model: "model", environment: {} });
      }
    }
    expect(read.size).toBeGreaterThan(30);
    expect([...read].filter((name) => litellmParams.keys.get(name)?.status !== "supported")).toEqual([]);
  });

  test("every section of the tables is in the documentation's list", () => {
    const found = new Set<Section>();
    const visit = (type: ValueType): void => {
      if (type.kind === "list") visit(type.items);
      if (type.kind === "map") visit(type.values);
      if (type.kind === "either") type.types.forEach(visit);
      if (type.kind === "section" && !found.has(type.section)) {
        found.add(type.section);
        for (const { type: inner } of type.section.keys.values()) visit(inner);
      }
    };
    visit({ kind: "section", section: CONFIGURATION });
    const small = [...found].filter((section) => !SECTIONS.includes(section)).map(({ title }) => title);
    expect(small.toSorted()).toEqual(["guardrails[].litellm_params", "hedging.*", "model_group_alias.*"]);
  });

  test("a slip of the fingers in any key leads back to it", () => {
    const keys = SECTIONS.flatMap((section) => [...section.keys.keys()].map((name) => [section, name] as const));
    const long = keys.filter(([, name]) => name.length >= 12);
    fc.assert(
      fc.property(fc.constantFrom(...long), fc.nat(), ([section, name], position) => {
        const at = 1 + (position % (name.length - 2));
        const slip = name.slice(0, at) + name.slice(at + 1);
        if (section.keys.has(slip)) return;
        const meant = suggestKey(section, slip);
        // Another key may be as near.
        expect(meant).toBeDefined();
        expect(Math.abs((meant as string).length - name.length)).toBeLessThanOrEqual(3);
      }),
    );
    expect(suggestKey(CONFIGURATION, "genral_settings")).toBe("general_settings");
    const [general] = SECTIONS.filter(({ title }) => title === "general_settings");
    expect(suggestKey(general as Section, "max_internal_user_budget")).toBe(
      "litellm_settings.max_internal_user_budget",
    );
    expect(suggestKey(general as Section, "model_list")).toBe("model_list at the top level");
    expect(suggestKey(CONFIGURATION, "drop_params")).toBe("litellm_settings.drop_params");
    expect(suggestKey(CONFIGURATION, "nothing_like_it_at_all")).toBeUndefined();
  });
});
