import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { patchObject, replaceStringMember, shallowEdits } from "../../src/json/patch.ts";

const object = fc.dictionary(fc.string(), fc.jsonValue());

/** The same value written with odd but legal white space. */
function spaced(value: unknown): string {
  return JSON.stringify(value, null, "\t").replaceAll("\n", "\r\n ");
}

describe("patchObject", () => {
  test("has the effect of the same edits on the parsed object, however the text is spaced", () => {
    fc.assert(
      fc.property(object, object, fc.array(fc.string()), fc.boolean(), (before, changes, removals, wide) => {
        const text = wide ? spaced(before) : JSON.stringify(before);
        const edits = new Map<string, string | undefined>();
        for (const key of [...removals, ...Object.keys(before).slice(0, 1)]) edits.set(key, undefined);
        for (const [key, value] of Object.entries(changes)) edits.set(key, JSON.stringify(value));
        const expected = new Map(Object.entries(JSON.parse(text) as object));
        for (const [key, value] of edits) {
          if (value === undefined) expected.delete(key);
          else expected.set(key, JSON.parse(value));
        }
        expect(new Map(Object.entries(JSON.parse(patchObject(text, edits)) as object))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test("leaves the text of untouched members alone", () => {
    const text = '{"seed":12345678901234567890,"x":1.0,"model":"a","y":"\\u00e9"}';
    expect(patchObject(text, new Map([["model", '"b"']]))).toBe(
      '{"seed":12345678901234567890,"x":1.0,"model":"b","y":"\\u00e9"}',
    );
  });

  test("keeps the white space around what it changes", () => {
    expect(patchObject('{ "a" : 1 , "b" : 2\n}', new Map([["a", "9"]]))).toBe('{ "a" : 9 , "b" : 2\n}');
  });

  test("leaves one member where a key was given twice", () => {
    expect(patchObject('{"a":1,"model":"x","model":"y"}', new Map([["model", '"z"']]))).toBe('{"a":1,"model":"z"}');
  });

  test("appends to an empty object", () => {
    expect(patchObject(" { } ", new Map([["a", "1"]]))).toBe(' {"a":1} ');
  });
});

describe("replaceStringMember", () => {
  test("equals patchObject for every object", () => {
    fc.assert(
      fc.property(object, fc.string(), fc.string(), fc.boolean(), (rest, present, replacement, wide) => {
        const value = { ...rest, nested: { model: present }, list: ["model"], model: present };
        const text = wide ? spaced(value) : JSON.stringify(value);
        const changed = JSON.parse(replaceStringMember(text, "model", present, replacement)) as unknown;
        expect(changed).toEqual({ ...(JSON.parse(text) as object), model: replacement });
      }),
    );
  });

  test("is not misled by a nested key when the top-level key is written with escapes", () => {
    const text = '{"\\u006dodel":"a","tools":{"model":"a"}}';
    expect(JSON.parse(replaceStringMember(text, "model", "a", "b"))).toEqual({ model: "b", tools: { model: "a" } });
  });
});

describe("shallowEdits", () => {
  test("turns one object into the other", () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const text = JSON.stringify(before);
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const target = JSON.parse(JSON.stringify(after)) as Record<string, unknown>;
        expect(JSON.parse(patchObject(text, shallowEdits(parsed, target)))).toEqual(target);
      }),
    );
  });
});
