import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { bedrockConverse } from "../../../src/formats/bedrock-converse/index.ts";
import { ownerOf } from "../../../src/formats/bedrock-converse/types.ts";
import type { ConversationResponse, StreamEvent } from "../../../src/formats/conversation.ts";
import type { ResponseContext } from "../../../src/formats/format.ts";
import { FRAME_CONTENT, FRAME_FINISH } from "../../../src/formats/format.ts";
import { replay } from "../../../src/formats/replay.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../../src/json/json.ts";
import { EventStreamFramer } from "../../../src/upstream/event-stream.ts";
import { type Frame, SseFramer } from "../../../src/upstream/sse.ts";
import { answerContext, assembled, brokenStreamRules, eventsOf, requestContext } from "../recorded-exchange.ts";
import { normalAnswer, normalRequest } from "./wire.ts";

const folder = `${process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges"}/bedrock`;
const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.startsWith("converse")) : [];
if (files.length === 0) console.log("no recorded Converse exchanges: skipped");

const recorded = files.map((file) => {
  const exchange = asObject(parseJson(readFileSync(`${folder}/${file}`, "utf8"))) ?? {};
  const request = asObject(exchange.request) ?? {};
  const response = asObject(exchange.response) ?? {};
  const model = decodeURIComponent((asString(request.path) ?? "").split("/")[2] ?? "");
  const stream = asString(response.eventstream_base64);
  return {
    name: file.replace(/\.json$/, ""),
    model,
    context: { provider: "bedrock", owner: ownerOf(model), model } satisfies ResponseContext,
    request: asObject(request.body),
    status: Number(response.status),
    headers: asObject(response.headers) ?? {},
    body: asObject(response.body),
    bytes: stream === undefined ? undefined : Uint8Array.from(atob(stream), (byte) => byte.charCodeAt(0)),
  };
});

describe("recorded requests", () => {
  for (const { name, request, model, context } of recorded) {
    if (request === undefined) continue;
    test(`${name}: nothing is lost through the conversation`, () => {
      const target = requestContext(model, { owner: context.owner });
      const encoded = bedrockConverse.encodeRequest(bedrockConverse.decodeRequest({ ...request, model }), target);
      expect(normalRequest(encoded)).toEqual(normalRequest(request));
      expect(target.report.changes.filter(({ action }) => action !== "converted")).toEqual([]);
    });
  }
});

describe("recorded answers", () => {
  for (const { name, body, status, context } of recorded) {
    if (body === undefined || status !== 200) continue;
    test(`${name}: decode and encode keep everything`, () => {
      const encoded = bedrockConverse.encodeResponse(bedrockConverse.decodeResponse(body, context), answerContext());
      expect(normalAnswer(encoded)).toEqual(normalAnswer(body));
    });
    test(`${name}: streams as the same answer`, () => {
      const answer = bedrockConverse.decodeResponse(body, context);
      expect(comparable(assembled(decodeText(encodeStream(replay(answer)), context)))).toEqual(comparable(answer));
    });
  }
});

describe("recorded streams", () => {
  for (const { name, bytes, context } of recorded) {
    if (bytes === undefined) continue;
    const frames = new EventStreamFramer().push(bytes);
    const whole = decodeFrames(frames, context);
    test(`${name}: follows the rules of events`, () => {
      expect(brokenStreamRules(whole)).toEqual([]);
      expect(whole.filter((event) => event.type === "error")).toEqual([]);
      expect(whole.filter((event) => event.type === "finish")).toHaveLength(1);
      expect(whole.at(-1)?.type).toBe("usage");
    });
    test(`${name}: cut at any byte it gives the same frames`, () => {
      const expected = JSON.stringify(frames);
      // Every byte of short streams; of long ones as many as can be tried in a second.
      const step = Math.max(1, Math.floor(bytes.length ** 2 / 1e8));
      for (let cut = 1; cut < bytes.length; cut += step) {
        const framer = new EventStreamFramer();
        const cutFrames = [
          ...framer.push(bytes.subarray(0, cut)),
          ...framer.push(bytes.subarray(cut)),
          ...framer.end(),
        ];
        if (JSON.stringify(cutFrames) !== expected) throw new Error(`cut at byte ${cut} changes the frames`);
      }
      const framer = new EventStreamFramer();
      const single = [...bytes].flatMap((byte) => framer.push(Uint8Array.of(byte)));
      expect(single).toEqual(frames);
    });
    test(`${name}: encoded again it says the same`, () => {
      expect(assembled(decodeText(encodeStream(whole), context))).toEqual(assembled(whole));
    });
    test(`${name}: the whole answer says the same`, () => {
      const body = bedrockConverse.encodeResponse(assembled(whole), answerContext());
      expect(comparable(bedrockConverse.decodeResponse(body, context))).toEqual(comparable(assembled(whole)));
    });
    test(`${name}: the observer reads what the decoder reads`, () => {
      const observer = bedrockConverse.createStreamObserver(context);
      const decoder = bedrockConverse.createStreamDecoder(context);
      let length = 0;
      let finishes = 0;
      for (const frame of frames) {
        const meaning = observer.observe(frame.data, frame.event);
        const events = decoder.push(frame);
        for (const event of events) {
          if (event.type !== "delta") continue;
          length += event.text.length;
          expect(meaning & FRAME_CONTENT).toBe(FRAME_CONTENT);
        }
        finishes += (meaning & FRAME_FINISH) / FRAME_FINISH;
      }
      expect(finishes).toBe(1);
      expect(observer.usage).toEqual(assembled(whole).usage);
      expect(observer.textLength).toBeGreaterThanOrEqual(length);
      if (!whole.some((event) => event.type === "part")) expect(observer.textLength).toBe(length);
    });
    test(`${name}: cut off before its end it is an error`, () => {
      const before = frames.findIndex(({ event }) => event === "messageStop");
      const events = decodeFrames(frames.slice(0, before), context);
      expect(events.at(-1)?.type).toBe("error");
      expect(brokenStreamRules(events)).toEqual([]);
    });
  }
});

describe("recorded errors", () => {
  const codes: Record<string, string> = {
    "converse-status-403-2": "authentication",
    "converse-status-404": "not_found",
    "converse-stream-status-400": "invalid_request",
  };
  for (const { name, status, body, headers } of recorded.filter((exchange) => exchange.status !== 200)) {
    test(name, () => {
      const given = new Headers(headers as Record<string, string>);
      const failure = bedrockConverse.decodeError(status, JSON.stringify(body), given);
      expect(failure).toMatchObject({ code: codes[name] as never, message: String(body?.message) });
    });
  }
});

function decodeFrames(frames: readonly Frame[], context: ResponseContext): StreamEvent[] {
  const decoder = bedrockConverse.createStreamDecoder(context);
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()];
}

function decodeText(text: string, context: ResponseContext): StreamEvent[] {
  return eventsOf(text, new SseFramer(), bedrockConverse.createStreamDecoder(context));
}

function encodeStream(events: readonly StreamEvent[]): string {
  const encoder = bedrockConverse.createStreamEncoder(answerContext());
  return events.map((event) => encoder.push(event)).join("") + encoder.end();
}

/** Models write arguments with spaces of their own; only what they say counts. */
function comparable(answer: ConversationResponse): JsonObject {
  return JSON.parse(JSON.stringify(answer), (key, value) =>
    key === "arguments" && typeof value === "string" ? parseJson(value) : value,
  ) as JsonObject;
}
