import { expect, test } from "bun:test";
import { unwrapRedacted, wrapRedacted } from "../../src/formats/redacted-thinking.ts";

const own = (value: string) => ({ owner: "anthropic", value });
/** Base64 of bytes that are no text, as Anthropic's `data` is. */
const DATA = btoa("\u0012\u00a9\u0001\u00ff\u0000\u0090");

test("each platform gets its own form, whichever the history holds", () => {
  expect(wrapRedacted(own(DATA))).toBe(btoa(DATA));
  expect(wrapRedacted(own(btoa(DATA)))).toBe(btoa(DATA));
  expect(unwrapRedacted(own(btoa(DATA)))).toBe(DATA);
  expect(unwrapRedacted(own(DATA))).toBe(DATA);
});

test("what is no base64, and other vendors' values, stay as they are", () => {
  expect(unwrapRedacted(own("r"))).toBe("r");
  expect(wrapRedacted({ owner: "amazon", value: DATA })).toBe(DATA);
  expect(unwrapRedacted({ owner: "amazon", value: btoa(DATA) })).toBe(btoa(DATA));
});
