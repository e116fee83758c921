import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject, MutableJsonObject } from "../../src/json/json.ts";
import { applyParameterRules } from "../../src/providers/parameters.ts";
import type { ParameterRules } from "../../src/providers/provider.ts";
import { callTo } from "./call.ts";

const NAMES = ["model", "temperature", "top_p", "n", "seed", "user", "max_tokens", "max_completion_tokens", "x_own"];
const name = fc.constantFrom(...NAMES);
const value = fc.oneof(fc.constant(null), fc.boolean(), fc.integer({ min: -5, max: 5 }), fc.string({ maxLength: 3 }));
const part = fc.oneof(
  fc.record({ type: fc.constant("text"), text: fc.string({ maxLength: 4 }) }),
  fc.record({
    type: fc.constant("text"),
    text: fc.string({ maxLength: 4 }),
    cache_control: fc.constant({ type: "ephemeral" }),
  }),
  fc.record({ type: fc.constant("image_url"), image_url: fc.constant({ url: "https://i.test/a.png" }) }),
);
const message = fc.record(
  {
    role: fc.constantFrom("user", "assistant"),
    content: fc.oneof(fc.string({ maxLength: 4 }), fc.array(part, { minLength: 1, maxLength: 3 })),
    cache_control: fc.constant({ type: "ephemeral" }),
    annotations: fc.constant([]),
    name: fc.string({ maxLength: 3 }),
  },
  { requiredKeys: ["role", "content"] },
);
const body = fc
  .tuple(fc.dictionary(name, value, { maxKeys: 6 }), fc.option(fc.array(message, { maxLength: 3 }), { nil: undefined }))
  .map(([fields, messages]): JsonObject => (messages === undefined ? fields : { ...fields, messages }) as JsonObject);
const rules: fc.Arbitrary<ParameterRules> = fc.record(
  {
    unsupported: fc.dictionary(name, fc.constant("the provider refuses it"), { maxKeys: 2 }),
    remove: fc.dictionary(name, fc.constant("it means nothing there"), { maxKeys: 2 }),
    clamp: fc.dictionary(name, fc.constant({ min: 0, max: 2 }), { maxKeys: 2 }),
    rename: fc.constantFrom({ max_completion_tokens: "max_tokens" }, { seed: "random_seed" }, { user: "x_own" }),
    removeMessageFields: fc.constant(["annotations"]),
    flattenContent: fc.boolean(),
    keepCacheControl: fc.boolean(),
  },
  { requiredKeys: [] },
);

function apply(given: JsonObject, applied: ParameterRules) {
  const result: MutableJsonObject = { ...given };
  const call = callTo("m");
  const changed = applyParameterRules(result, applied, call);
  return { result, changed, changes: call.report.changes };
}

describe("whatever rules and body are", () => {
  test("fields that no rule names stay as they are", () => {
    fc.assert(
      fc.property(body, rules, (given, applied) => {
        const named = new Set([
          ...Object.keys(applied.unsupported ?? {}),
          ...Object.keys(applied.remove ?? {}),
          ...Object.keys(applied.clamp ?? {}),
          ...Object.entries(applied.rename ?? {}).flat(),
          "messages",
        ]);
        const { result } = apply(given, applied);
        for (const field of new Set([...Object.keys(given), ...Object.keys(result)])) {
          if (!named.has(field)) expect(result[field]).toBe(given[field] as never);
        }
      }),
    );
  });

  test("every field that changed stands in the report, and none that did not", () => {
    fc.assert(
      fc.property(body, rules, (given, applied) => {
        const { result, changed, changes } = apply(given, applied);
        expect(changed).toBe(JSON.stringify(result) !== JSON.stringify(given));
        const reported = new Set(changes.flatMap((change) => [change.parameter, change.to]));
        for (const field of new Set([...Object.keys(given), ...Object.keys(result)])) {
          if (field === "messages") continue;
          if (result[field] !== given[field]) expect(reported).toContain(field);
        }
        const inMessages = changes.some((change) => change.parameter.startsWith("messages[]"));
        expect(inMessages).toBe(JSON.stringify(result.messages) !== JSON.stringify(given.messages));
      }),
    );
  });

  test("a second time changes nothing", () => {
    fc.assert(
      fc.property(body, rules, (given, applied) => {
        const once = apply(given, applied).result;
        const twice = apply(once, applied);
        expect(twice.changed).toBe(false);
        expect(twice.result).toEqual(once);
      }),
    );
  });

  test("what was received is never changed in place", () => {
    fc.assert(
      fc.property(body, rules, (given, applied) => {
        const before = structuredClone(given);
        apply(given, applied);
        expect(given).toEqual(before);
      }),
    );
  });

  test("no text of a message is lost", () => {
    const texts = (held: JsonObject) => JSON.stringify(held.messages ?? []).match(/"text":"[^"]*"/g)?.length ?? 0;
    const joined = (held: JsonObject) =>
      ((held.messages ?? []) as { content: string | { text?: string }[] }[]).map(({ content }) =>
        typeof content === "string" ? content : content.map((piece) => piece.text ?? "").join(""),
      );
    fc.assert(
      fc.property(body, rules, (given, applied) => {
        const { result } = apply(given, applied);
        expect(joined(result)).toEqual(joined(given));
        expect(texts(result)).toBeLessThanOrEqual(texts(given));
      }),
    );
  });
});

describe("unsupported fields", () => {
  const applied: ParameterRules = { unsupported: { n: "one answer only", logit_bias: "unknown there", store: "no" } };

  test("are refused unless they are unset or say what leaving them out says", () => {
    expect(apply({ n: 2 }, applied).changes).toEqual([
      { parameter: "n", action: "dropped", reason: "one answer only", unsupported: true },
    ]);
    for (const harmless of [{ n: 1 }, { n: null }, { store: false }]) {
      const { result, changes } = apply(harmless, applied);
      expect(result).toEqual({});
      expect(changes[0]?.unsupported).toBeUndefined();
    }
  });

  test("go on when allowed_openai_params names them", () => {
    const given: MutableJsonObject = { n: 2, logit_bias: { 5: 1 } };
    applyParameterRules(given, applied, callTo("m", { allowedParameters: ["n"] }));
    expect(given).toEqual({ n: 2 });
  });
});

describe("renamed fields", () => {
  const applied: ParameterRules = { rename: { max_completion_tokens: "max_tokens", seed: "random_seed" } };

  test("keep their value; what the target says already wins, save for max_completion_tokens", () => {
    expect(apply({ seed: 1 }, applied).result).toEqual({ random_seed: 1 });
    expect(apply({ seed: 1, random_seed: 2 }, applied).result).toEqual({ random_seed: 2 });
    expect(apply({ max_completion_tokens: 5, max_tokens: 9 }, applied).result).toEqual({ max_tokens: 5 });
  });
});

describe("schema keywords", () => {
  const applied: ParameterRules = { stripSchemaKeywords: ["additionalProperties", "strict", "$schema"] };
  const schema = {
    $schema: "https://json-schema.org/draft-07/schema#",
    type: "object",
    additionalProperties: false,
    // A property may be called like a keyword.
    properties: {
      strict: { type: "boolean" },
      list: { type: "array", items: { type: "object", additionalProperties: true } },
    },
    default: { additionalProperties: 1 },
    $defs: { additionalProperties: { anyOf: [{ type: "object", additionalProperties: {} }] } },
  };
  const stripped = {
    type: "object",
    properties: { strict: { type: "boolean" }, list: { type: "array", items: { type: "object" } } },
    default: { additionalProperties: 1 },
    $defs: { additionalProperties: { anyOf: [{ type: "object" }] } },
  };

  test("leave tools and formats, names and data stay", () => {
    const { result, changes } = apply(
      {
        tools: [
          { type: "function", function: { name: "f", strict: true, parameters: schema } },
          { name: "g", input_schema: schema },
        ],
        response_format: { type: "json_schema", json_schema: { name: "s", strict: true, schema } },
      },
      applied,
    );
    expect(result.tools).toEqual([
      { type: "function", function: { name: "f", parameters: stripped } },
      { name: "g", input_schema: stripped },
    ]);
    expect(result.response_format).toEqual({ type: "json_schema", json_schema: { name: "s", schema: stripped } });
    const names = changes.map(({ parameter }) => parameter);
    expect(names).toContain("tools[].function.strict");
    expect(names).toContain("response_format.json_schema.schema.additionalProperties");
  });

  test("that are not there change nothing", () => {
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
    const { result, changed } = apply({ tools }, applied);
    expect(changed).toBe(false);
    expect(result.tools).toBe(tools);
  });
});

test("cache marks leave tools too, unless the provider knows them", () => {
  const tools = [
    { type: "function", function: { name: "f", cache_control: { type: "ephemeral" } } },
    { type: "function", function: { name: "g" }, cache_control: { type: "ephemeral" } },
  ];
  expect(apply({ tools }, {}).result.tools).toEqual([
    { type: "function", function: { name: "f" } },
    { type: "function", function: { name: "g" } },
  ]);
  expect(apply({ tools }, { keepCacheControl: true }).changed).toBe(false);
});

test("members that a strict provider does not list leave messages", () => {
  const { result, changes } = apply(
    { messages: [{ role: "assistant", content: "hi", annotations: [], x: 1 }] },
    { messageFields: ["role", "content"] },
  );
  expect(result.messages).toEqual([{ role: "assistant", content: "hi" }]);
  expect(changes.map(({ parameter }) => parameter)).toEqual(["messages[].annotations", "messages[].x"]);
});
