import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { capture } from "../../src/routing/match-model.ts";

describe("capture", () => {
  const piece = fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "."), maxLength: 4 });

  test("agrees with a regular expression that matches as little as it can", () => {
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 2, maxLength: 4 }),
        fc.string({ unit: fc.constantFrom("a", "b", "/", "-", "."), maxLength: 12 }),
        (pieces, name) => {
          const source = pieces.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.*?)");
          const expected = new RegExp(`^${source}$`).exec(name);
          expect(capture(pieces, name)).toEqual(expected === null ? undefined : expected.slice(1));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("takes slashes along", () => {
    expect(capture(["openai/", ""], "openai/ft:gpt-4o/x")).toEqual(["ft:gpt-4o/x"]);
    expect(capture(["", ""], "anything/at all")).toEqual(["anything/at all"]);
    expect(capture(["openai/", ""], "anthropic/claude")).toBeUndefined();
  });
});
