import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { completeLength, scanFrames } from "../../src/pipeline/frame-scanner.ts";
import { SseFramer } from "../../src/upstream/sse.ts";

const event = fc
  .record({
    comment: fc.boolean(),
    name: fc.option(fc.constantFrom("ping", "message_start"), { nil: undefined }),
    data: fc.array(fc.string({ unit: fc.constantFrom("a", "{", '"', " ", "é") }), { minLength: 1, maxLength: 3 }),
    newline: fc.constantFrom("\n", "\r\n"),
  })
  .map(({ comment, name, data, newline }) =>
    [
      ...(comment ? [": hi"] : []),
      ...(name === undefined ? [] : [`event: ${name}`]),
      ...data.map((line) => `data: ${line}`),
      "",
      "",
    ].join(newline),
  );

describe("scanFrames", () => {
  test("sees the same events as the framer, and its bounds put the text together again", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), (events) => {
        const text = events.join("");
        const framer = new SseFramer();
        const expected = [...framer.push(new TextEncoder().encode(text)), ...framer.end()];
        const seen: unknown[] = [];
        let covered = "";
        scanFrames(text, (data, name, start, end) => {
          seen.push(name === undefined ? { data } : { event: name, data });
          covered += text.slice(start, end);
        });
        expect(seen).toEqual(expected);
        expect(covered).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe("completeLength", () => {
  test("is the length of the complete events, however much of the next one is there", () => {
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("", "d", "data: {", "event: x"),
        (events, begun) => {
          const whole = events.join("");
          expect(completeLength(whole + begun)).toBe(whole.length);
        },
      ),
    );
  });
});
