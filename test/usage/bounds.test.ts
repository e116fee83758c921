import { expect, test } from "bun:test";
import fc from "fast-check";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { promptUpperBound } from "../../src/usage/bounds.ts";

test("no text has more tokens than the bound of its body", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (content) => {
      const body = new TextEncoder().encode(JSON.stringify({ messages: [{ role: "user", content }] }));
      expect(countTokens(content)).toBeLessThanOrEqual(promptUpperBound(body));
      expect(promptUpperBound(body.byteLength)).toBe(promptUpperBound(body));
    }),
  );
});

test("tools and images count for more than their bytes", () => {
  expect(promptUpperBound(100, { tools: true })).toBeGreaterThanOrEqual(100 + 735);
  expect(promptUpperBound(100, { images: 2 }) - promptUpperBound(100)).toBeGreaterThanOrEqual(2 * 48_169);
});
