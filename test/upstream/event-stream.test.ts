import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { crc32 } from "../../src/upstream/crc32.ts";
import { EventStreamFramer } from "../../src/upstream/event-stream.ts";
import type { Frame } from "../../src/upstream/sse.ts";
import { eventStreamMessage } from "../support/event-stream-message.ts";

function framesOf(bytes: Uint8Array, ...cuts: number[]): Frame[] {
  const framer = new EventStreamFramer();
  const frames: Frame[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    frames.push(...framer.push(bytes.subarray(from, cut)));
    from = cut;
  }
  return [...frames, ...framer.end()];
}

const event = (type: string, payload: string) =>
  eventStreamMessage({ ":message-type": "event", ":event-type": type }, payload);
const concat = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

test("CRC-32 of the check text is the published value", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
});

describe("AWS event streams", () => {
  test("give type and payload of every message, wherever the bytes are cut", () => {
    const messages = fc.array(fc.tuple(fc.stringMatching(/^[a-z]{1,12}$/), fc.jsonValue()), { maxLength: 5 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat()), (held, cuts) => {
        const bytes = concat(...held.map(([type, value]) => event(type, JSON.stringify({ value }))));
        const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
        const expected = held.map(([type, value]) => ({ event: type, data: JSON.stringify({ value }) }));
        expect(framesOf(bytes, ...places)).toEqual(expected);
      }),
    );
  });

  test("unwrap the model's own event out of a chunk", () => {
    const inner = '{"type":"ping","text":"äöü€"}';
    const bytes = btoa(String.fromCharCode(...new TextEncoder().encode(inner)));
    expect(framesOf(event("chunk", JSON.stringify({ bytes, p: "abc" })))).toEqual([{ event: "chunk", data: inner }]);
  });

  test("name Nova's events as Converse does", () => {
    const bytes = btoa('{"contentBlockDelta":{"delta":{"text":"Hi"},"contentBlockIndex":0}}');
    expect(framesOf(event("chunk", JSON.stringify({ bytes })))).toEqual([
      { event: "contentBlockDelta", data: '{"delta":{"text":"Hi"},"contentBlockIndex":0}' },
    ]);
  });

  test("show exceptions and errors with their type", () => {
    const exception = eventStreamMessage(
      { ":message-type": "exception", ":exception-type": "throttlingException" },
      '{"message":"Too many requests"}',
    );
    const error = eventStreamMessage(
      { ":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Broken" },
      "",
    );
    const [first, second] = framesOf(concat(exception, error));
    expect(first?.event).toBe("throttlingException");
    expect(JSON.parse(first?.data ?? "")).toEqual({ __type: "throttlingException", message: "Too many requests" });
    expect(second?.event).toBe("InternalFailure");
    expect(JSON.parse(second?.data ?? "")).toEqual({ __type: "InternalFailure", message: "Broken" });
  });

  test("end with an exception at any single damaged byte, after what was whole", () => {
    const whole = event("messageStart", '{"role":"assistant"}');
    const damaged = event("messageStop", '{"stopReason":"end_turn"}');
    for (let at = 0; at < damaged.length; at++) {
      const broken = damaged.slice();
      broken[at] = (broken[at] as number) ^ 0x10;
      const frames = framesOf(concat(whole, broken, whole));
      expect(frames[0]).toEqual({ event: "messageStart", data: '{"role":"assistant"}' });
      expect(frames.slice(1).map((frame) => frame.event)).toEqual(["internalServerException"]);
    }
  });

  test("step over headers of other types", () => {
    const bytes = eventStreamMessage({ a: true, b: 7, ":message-type": "event", ":event-type": "metadata" }, "{}");
    expect(framesOf(bytes)).toEqual([{ event: "metadata", data: "{}" }]);
  });

  test("keep nothing of a message that is cut off", () => {
    const bytes = event("messageStop", "{}");
    expect(framesOf(bytes.subarray(0, bytes.length - 1))).toEqual([]);
  });
});
