import { existsSync, readdirSync, readFileSync } from "node:fs";
import { assemble } from "../../src/formats/assemble.ts";
import type { ConversationResponse, StreamEvent } from "../../src/formats/conversation.ts";
import type { AnswerContext, RequestContext, ResponseContext, StreamDecoder } from "../../src/formats/format.ts";
import { ParameterReport } from "../../src/formats/report.ts";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";
import type { Framer } from "../../src/upstream/sse.ts";

const EXCHANGES = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";

export interface RecordedExchange {
  readonly name: string;
  readonly path: string;
  readonly request: JsonObject | undefined;
  readonly status: number;
  /** The answer's body as text; of a stream, its bytes. */
  readonly text: string;
  readonly body: JsonObject | undefined;
  readonly streamed: boolean;
}

/** The recorded exchanges of one provider whose name matches; none where the recordings are missing. */
export function recordedExchanges(folder: string, name = /^/): RecordedExchange[] {
  if (!existsSync(`${EXCHANGES}/${folder}`)) return [];
  return readdirSync(`${EXCHANGES}/${folder}`)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => {
      const exchange = asObject(parseJson(readFileSync(`${EXCHANGES}/${folder}/${file}`, "utf8"))) ?? {};
      const response = asObject(exchange.response) ?? {};
      const request = asObject(exchange.request) ?? {};
      const stream = asArray(response.sse ?? response.ndjson).join("");
      return {
        name: file.replace(/\.json$/, ""),
        path: asString(request.path) ?? "",
        request: asObject(request.body),
        status: Number(response.status),
        text: stream === "" ? JSON.stringify(response.body ?? null) : stream,
        body: asObject(response.body),
        streamed: stream !== "",
      };
    });
}

/** Every event of a stream that arrives in pieces of the given sizes (the last size repeats). */
export function eventsOf(text: string, framer: Framer, decoder: StreamDecoder, ...sizes: number[]): StreamEvent[] {
  const bytes = new TextEncoder().encode(text);
  const events: StreamEvent[] = [];
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const size = sizes[Math.min(piece, sizes.length - 1)] ?? bytes.length;
    for (const frame of framer.push(bytes.subarray(at, at + size))) events.push(...decoder.push(frame));
    at += size;
  }
  for (const frame of framer.end()) events.push(...decoder.push(frame));
  return [...events, ...decoder.end()];
}

export function assembled(events: readonly StreamEvent[]): ConversationResponse {
  return assemble(events);
}

/** Breaks the stream at every byte and calls back with what each break gives. */
export function forEveryCut(
  text: string,
  makeFramer: () => Framer,
  makeDecoder: () => StreamDecoder,
  check: (events: StreamEvent[], cut: number) => void,
): void {
  const length = new TextEncoder().encode(text).length;
  for (let cut = 1; cut < length; cut++) check(eventsOf(text, makeFramer(), makeDecoder(), cut, length), cut);
}

/** Violations of the rules that hold for every decoder's events; empty when there are none. */
export function brokenStreamRules(events: readonly StreamEvent[]): string[] {
  const broken: string[] = [];
  const open = new Map<string, boolean>();
  const finished = new Set<number>();
  for (const event of events) {
    if (!("choice" in event)) continue;
    if (event.type === "finish") {
      if (finished.has(event.choice)) broken.push(`choice ${event.choice} finishes twice`);
      finished.add(event.choice);
      for (const [key, isOpen] of open) if (isOpen && key.startsWith(`${event.choice}/`)) broken.push(`${key} is open`);
      continue;
    }
    if (finished.has(event.choice)) broken.push(`${event.type} after the finish`);
    if (!("part" in event)) continue;
    const key = `${event.choice}/${event.part}`;
    if (event.type === "part-start" || event.type === "part") {
      if (open.has(key)) broken.push(`${key} starts twice`);
      open.set(key, event.type === "part-start");
    } else if (event.type === "resealed") {
      if (open.get(key) !== false) broken.push(`${key} is sealed anew before its end`);
    } else if (open.get(key) !== true) broken.push(`${event.type} of ${key}, which is not open`);
    else if (event.type === "part-end") open.set(key, false);
  }
  return broken;
}

export function requestContext(model: string, change: Partial<RequestContext> = {}): RequestContext {
  return {
    model,
    provider: "test",
    owner: "test",
    capabilities: {},
    report: new ParameterReport(),
    modifyParams: false,
    ...change,
  };
}

export function responseContext(model = "model"): ResponseContext {
  return { provider: "test", owner: "test", model };
}

export function answerContext(model = "model"): AnswerContext {
  return { model, request: { model, messages: [], sampling: {} }, fallbackId: "fallback", now: 1_700_000_000 };
}
