import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Frame, NdjsonFramer, SseFramer, sseFrame } from "../../src/upstream/sse.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function frames(framer: SseFramer | NdjsonFramer, pieces: readonly Uint8Array[]): Frame[] {
  return [...pieces.flatMap((piece) => framer.push(piece)), ...framer.end()];
}

function cut(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
  const points = [0, ...[...at].map((point) => point % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return points.slice(1).map((end, index) => whole.slice(points[index] as number, end));
}

describe("SseFramer", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "漢", "🚪", " ", ":", "{", '"') });
  const event = fc.record({
    data: fc.array(line, { minLength: 1, maxLength: 3 }),
    event: fc.option(fc.constantFrom("ping", "message_start"), { nil: undefined }),
  });

  test("gives back what was written, whatever the line ends, comments and cuts", () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 5 }),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.nat()),
        fc.boolean(),
        (events, newline, cuts, comments) => {
          const text = events
            .map(
              (one) =>
                (comments ? `: hi${newline}` : "") +
                (one.event === undefined ? "" : `event: ${one.event}${newline}`) +
                one.data.map((data) => `data: ${data}${newline}`).join("") +
                newline,
            )
            .join("");
          const expected = events.map((one) =>
            one.event === undefined ? { data: one.data.join("\n") } : { event: one.event, data: one.data.join("\n") },
          );
          expect(frames(new SseFramer(), cut(bytes(text), cuts))).toEqual(expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("removes one space after the colon and no more", () => {
    expect(frames(new SseFramer(), [bytes("data:x\n\ndata:  y\n\n")])).toEqual([{ data: "x" }, { data: " y" }]);
  });

  test("yields an event that the end of the stream completes", () => {
    expect(frames(new SseFramer(), [bytes('data: {"a":1}')])).toEqual([{ data: '{"a":1}' }]);
  });

  test("reads what sseFrame writes", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.option(fc.constantFrom("a", "b"), { nil: undefined }), (value, name) => {
        const data = JSON.stringify(value);
        expect(frames(new SseFramer(), [bytes(sseFrame(data, name))])).toEqual([
          name === undefined ? { data } : { event: name, data },
        ]);
      }),
    );
  });
});

describe("NdjsonFramer", () => {
  test("gives one frame per line at any cut, the last one without a newline too", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { minLength: 1 }),
        fc.array(fc.nat()),
        fc.boolean(),
        (values, cuts, trailing) => {
          const lines = values.map((value) => JSON.stringify(value));
          const text = lines.join("\n") + (trailing ? "\n" : "");
          expect(frames(new NdjsonFramer(), cut(bytes(text), cuts))).toEqual(lines.map((data) => ({ data })));
        },
      ),
    );
  });
});
