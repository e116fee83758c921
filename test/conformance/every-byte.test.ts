import { describe, expect, test } from "bun:test";
import type { StreamEvent } from "../../src/formats/conversation.ts";
import { type Framing, framerFor } from "../../src/upstream/framer.ts";
import { formatOf } from "./client-request.ts";
import { type Recording, recordings, type Wire } from "./recordings.ts";

const FRAMINGS: { readonly [W in Wire]?: Framing } = {
  converse: "aws-event-stream",
  invoke: "aws-event-stream",
  ollama: "ndjson",
};

/** The events of the stream when it arrives in pieces of that many bytes. */
function eventsOf(recording: Recording, size: number): StreamEvent[] {
  const framer = framerFor(FRAMINGS[recording.wire]);
  const decoder = formatOf(recording).createStreamDecoder({
    provider: recording.provider,
    owner: recording.provider,
    model: recording.model,
  });
  const events: StreamEvent[] = [];
  for (let at = 0; at < recording.bytes.length; at += size) {
    for (const frame of framer.push(recording.bytes.slice(at, at + size))) events.push(...decoder.push(frame));
  }
  for (const frame of framer.end()) events.push(...decoder.push(frame));
  return [...events, ...decoder.end()];
}

/** Ids that a decoder makes up differ from run to run; everything else may not. */
function withoutMadeUpIds(events: readonly StreamEvent[], recording: Recording): StreamEvent[] {
  const text = new TextDecoder().decode(recording.bytes);
  return events.map((event) =>
    event.type === "part-start" && event.kind === "tool-call" && !text.includes(event.id)
      ? { ...event, id: "" }
      : event,
  );
}

const streams = (recordings() ?? []).filter(({ streamed, status }) => streamed && status < 400);

describe.skipIf(streams.length === 0)("streams cut at every byte", () => {
  for (const recording of streams) {
    test(recording.id, () => {
      const whole = withoutMadeUpIds(eventsOf(recording, recording.bytes.length), recording);
      expect(whole.length).toBeGreaterThan(0);
      expect(withoutMadeUpIds(eventsOf(recording, 1), recording)).toEqual(whole);
      expect(withoutMadeUpIds(eventsOf(recording, 7), recording)).toEqual(whole);
    });
  }
});
