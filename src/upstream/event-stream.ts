import { asObject, asString, parseJson } from "../json/json.ts";
import { crc32 } from "./crc32.ts";
import type { Frame, Framer } from "./sse.ts";

/** Lengths and their checksum in front, the message's checksum behind. */
const PRELUDE = 12;
const TRAILER = 4;
/** The largest message that AWS sends: 16 MB of payload and 128 kB of headers, with room. */
const LONGEST = 24 * 1024 * 1024;

/**
 * AWS event streams (`application/vnd.amazon.eventstream`;
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html, 2026-11-24).
 *
 * - An event gives its `:event-type` and its payload. The payload of InvokeModel's `chunk` events is unwrapped: the
 *   frame then holds the model's own event.
 * - An exception gives its `:exception-type`, an error its `:error-code`; `data` then is an object that holds `message`
 *   and, as AWS's JSON errors do, the type as `__type`.
 * - A message whose checksum is wrong ends the stream with such an exception, of type `internalServerException`.
 */
export class EventStreamFramer implements Framer {
  #rest = new Uint8Array(0);
  #damaged = false;

  push(bytes: Uint8Array): Frame[] {
    if (this.#damaged) return [];
    const held = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    const frames: Frame[] = [];
    let at = 0;
    while (held.length - at >= PRELUDE) {
      const view = new DataView(held.buffer, held.byteOffset + at, held.length - at);
      const length = view.getUint32(0);
      const headers = view.getUint32(4);
      if (!isPrelude(held.subarray(at, at + PRELUDE), length, headers)) return this.#damage(frames, "prelude");
      if (held.length - at < length) break;
      const message = held.subarray(at, at + length);
      if (crc32(message.subarray(0, length - TRAILER)) !== view.getUint32(length - TRAILER)) {
        return this.#damage(frames, "message");
      }
      frames.push(readMessage(message, headers));
      at += length;
    }
    this.#rest = held.slice(at);
    return frames;
  }

  /** A message that was cut off is no frame; the answer's decoder knows that the end is missing. */
  end(): Frame[] {
    this.#rest = new Uint8Array(0);
    return [];
  }

  #damage(frames: Frame[], what: string): Frame[] {
    this.#damaged = true;
    this.#rest = new Uint8Array(0);
    return [
      ...frames,
      failure("internalServerException", `the event stream is damaged: a ${what}'s checksum is wrong`),
    ];
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function isPrelude(prelude: Uint8Array, length: number, headers: number): boolean {
  if (length > LONGEST || length < PRELUDE + headers + TRAILER) return false;
  return crc32(prelude.subarray(0, 8)) === new DataView(prelude.buffer, prelude.byteOffset).getUint32(8);
}

const decoder = new TextDecoder();

function readMessage(message: Uint8Array, headersLength: number): Frame {
  const headers = readHeaders(message.subarray(PRELUDE, PRELUDE + headersLength));
  const payload = decoder.decode(message.subarray(PRELUDE + headersLength, message.length - TRAILER));
  switch (headers.get(":message-type")) {
    case "exception":
      return failure(headers.get(":exception-type") ?? "internalServerException", sentenceOf(payload), payload);
    case "error":
      return failure(headers.get(":error-code") ?? "internalServerException", headers.get(":error-message") ?? payload);
    default:
      return readEvent(headers.get(":event-type"), payload);
  }
}

function readEvent(event: string | undefined, payload: string): Frame {
  if (event === "chunk") {
    const bytes = asString(asObject(parseJson(payload))?.bytes);
    if (bytes !== undefined) return modelEvent(textOfBase64(bytes));
  }
  return event === undefined ? { data: payload } : { event, data: payload };
}

/** Nova's own events are Converse's, each as an object whose one member is named after it. */
const NOVA_EVENT =
  /^\s*\{\s*"(messageStart|contentBlockStart|contentBlockDelta|contentBlockStop|messageStop|metadata)"\s*:/;

function modelEvent(text: string): Frame {
  const event = NOVA_EVENT.exec(text)?.[1];
  const held = event === undefined ? undefined : asObject(asObject(parseJson(text))?.[event]);
  return event === undefined || held === undefined
    ? { event: "chunk", data: text }
    : { event, data: JSON.stringify(held) };
}

function failure(type: string, message: string, payload = ""): Frame {
  return { event: type, data: JSON.stringify({ ...asObject(parseJson(payload)), __type: type, message }) };
}

function sentenceOf(payload: string): string {
  const held = asObject(parseJson(payload));
  return asString(held?.message) ?? asString(held?.Message) ?? payload;
}

function textOfBase64(text: string): string {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return decoder.decode(bytes);
}

/** Lengths of the values of the fixed-size header types, by type number. */
const FIXED: Readonly<Record<number, number>> = { 0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16 };
const BYTES = 6;
const STRING = 7;

/** The headers of type string; others are stepped over, and what is no header ends the reading. */
function readHeaders(block: Uint8Array): Map<string, string> {
  const headers = new Map<string, string>();
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  let at = 0;
  while (at < block.length) {
    const nameEnd = at + 1 + view.getUint8(at);
    if (nameEnd >= block.length) break;
    const name = decoder.decode(block.subarray(at + 1, nameEnd));
    const type = view.getUint8(nameEnd);
    at = nameEnd + 1;
    if (type === STRING || type === BYTES) {
      if (at + 2 > block.length) break;
      const end = at + 2 + view.getUint16(at);
      if (type === STRING) headers.set(name, decoder.decode(block.subarray(at + 2, end)));
      at = end;
      continue;
    }
    const size = FIXED[type];
    if (size === undefined) break;
    at += size;
  }
  return headers;
}
