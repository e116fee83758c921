/**
 * An incremental parser of HTTP/1.1 responses (RFC 9112). It is fed whatever the socket delivers, cut anywhere, and
 * reports head, body bytes and end. Pure: no I/O and no time.
 */

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; repeated fields are joined with ", ". */
  readonly headers: ReadonlyMap<string, string>;
  /** Whether the connection can serve another request afterwards. */
  readonly keepAlive: boolean;
}

export interface ResponseEvents {
  head(head: ResponseHead): void;
  /** A view into the bytes that were fed: valid during the call only. */
  body(chunk: Uint8Array): void;
  /** The response is complete. Bytes that came behind it are a violation of the protocol. */
  end(surplus: boolean): void;
}

/** What the peer sent is no HTTP/1.1 response. */
export class MalformedResponse extends Error {
  override readonly name = "MalformedResponse";
  readonly code = "MALFORMED_RESPONSE";
}

const LONGEST_HEAD = 256 * 1024;
const LONGEST_CHUNK_LINE = 4096;

type State = "head" | "length" | "until-close" | "chunk-size" | "chunk" | "chunk-end" | "trailer" | "done";

export class ResponseParser {
  readonly #events: ResponseEvents;
  #state: State = "head";
  /** Bytes of a head, a chunk's line or a trailer that are not complete yet. */
  #rest: Buffer | undefined;
  #left = 0;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** Nothing of a response has come yet. */
  get untouched(): boolean {
    return this.#state === "head" && this.#rest === undefined;
  }

  /** Throws MalformedResponse. */
  push(data: Buffer): void {
    let bytes = this.#rest === undefined ? data : Buffer.concat([this.#rest, data]);
    this.#rest = undefined;
    while (bytes.length > 0) {
      const used = this.#step(bytes);
      if (used === 0) {
        // The socket uses its buffer again after this call.
        this.#rest = Buffer.from(bytes);
        return;
      }
      bytes = bytes.subarray(used);
    }
  }

  /** The peer closed the connection: the end of a body without length, else an incomplete response (false). */
  close(): boolean {
    if (this.#state !== "until-close") return this.#state === "done";
    this.#state = "done";
    this.#events.end(false);
    return true;
  }

  /** Consumes one element; 0 when more bytes are needed. */
  #step(bytes: Buffer): number {
    switch (this.#state) {
      case "head":
        return this.#head(bytes);
      case "length":
      case "chunk": {
        const count = Math.min(this.#left, bytes.length);
        this.#left -= count;
        this.#events.body(count === bytes.length ? bytes : bytes.subarray(0, count));
        if (this.#left === 0) {
          if (this.#state === "chunk") this.#state = "chunk-end";
          else this.#finish(bytes.length > count);
        }
        return count;
      }
      case "until-close":
        this.#events.body(bytes);
        return bytes.length;
      case "chunk-size":
        return this.#chunkSize(bytes);
      case "chunk-end":
        if (bytes.length < 2) return 0;
        if (bytes[0] !== 13 || bytes[1] !== 10) throw new MalformedResponse("a chunk is longer than its size says");
        this.#state = "chunk-size";
        return 2;
      case "trailer": {
        const end = lineEnd(bytes);
        if (end < 0) return 0;
        if (end === 0) this.#finish(bytes.length > 2);
        return end + 2;
      }
      case "done":
        return bytes.length;
    }
  }

  #head(bytes: Buffer): number {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0) {
      if (bytes.length > LONGEST_HEAD) throw new MalformedResponse("the response's headers are too long");
      return 0;
    }
    const text = bytes.toString("latin1", 0, end);
    const status = statusOf(text);
    const headers = parseFields(text);
    // Interim responses (100, 103) precede the one that counts.
    if (status >= 100 && status < 200 && status !== 101) return end + 4;
    const connection = headers.get("connection")?.toLowerCase() ?? "";
    const keepAlive = text.charCodeAt(7) === ONE ? !connection.includes("close") : connection.includes("keep-alive");
    this.#begin(status, headers, keepAlive, bytes.length > end + 4);
    return end + 4;
  }

  #begin(status: number, headers: Map<string, string>, keepAlive: boolean, more: boolean): void {
    const encoding = headers.get("transfer-encoding")?.toLowerCase();
    const length = headers.get("content-length");
    if (encoding !== undefined) {
      if (!encoding.endsWith("chunked")) throw new MalformedResponse(`unknown transfer encoding ${encoding}`);
      this.#state = "chunk-size";
    } else if (status === 204 || status === 304) {
      this.#state = "done";
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new MalformedResponse("content-length is no number");
      this.#left = Number(length);
      this.#state = this.#left === 0 ? "done" : "length";
    } else {
      this.#state = "until-close";
    }
    this.#events.head({ status, headers, keepAlive: keepAlive && this.#state !== "until-close" });
    if (this.#state === "done") this.#finish(more);
  }

  #chunkSize(bytes: Buffer): number {
    const end = lineEnd(bytes);
    if (end < 0) {
      if (bytes.length > LONGEST_CHUNK_LINE) throw new MalformedResponse("a chunk's size line is too long");
      return 0;
    }
    const size = /^[0-9a-fA-F]{1,13}/.exec(bytes.toString("latin1", 0, end))?.[0];
    if (size === undefined) throw new MalformedResponse("a chunk's size is no number");
    this.#left = Number.parseInt(size, 16);
    this.#state = this.#left === 0 ? "trailer" : "chunk";
    return end + 2;
  }

  #finish(surplus: boolean): void {
    this.#state = "done";
    this.#events.end(surplus);
  }
}

function lineEnd(bytes: Buffer): number {
  const newline = bytes.indexOf(10);
  if (newline < 0) return -1;
  if (newline === 0 || bytes[newline - 1] !== 13) throw new MalformedResponse("a line does not end with CR LF");
  return newline - 1;
}

const ZERO = 48;
const ONE = 49;

/** The status of `HTTP/1.1 200 OK`. */
function statusOf(head: string): number {
  const version = head.charCodeAt(7);
  const status = (head.charCodeAt(9) - ZERO) * 100 + (head.charCodeAt(10) - ZERO) * 10 + (head.charCodeAt(11) - ZERO);
  const behind = head.charCodeAt(12);
  const ends = Number.isNaN(behind) || behind === 32 || behind === 13;
  const known = head.startsWith("HTTP/1.") && (version === ZERO || version === ONE) && head.charCodeAt(8) === 32;
  if (!known || !ends || !(status >= 100 && status <= 999)) {
    throw new MalformedResponse("the peer does not speak HTTP/1.1");
  }
  return status;
}

/** The fields behind the status line. */
function parseFields(head: string): Map<string, string> {
  const headers = new Map<string, string>();
  let start = head.indexOf("\r\n");
  while (start >= 0) {
    start += 2;
    const end = head.indexOf("\r\n", start);
    const { name, value } = fieldOf(end < 0 ? head.slice(start) : head.slice(start, end));
    const given = headers.get(name);
    headers.set(name, given === undefined ? value : `${given}, ${value}`);
    start = end;
  }
  return headers;
}

interface Field {
  /** Lower case. */
  readonly name: string;
  readonly value: string;
}

/** Most lines of a server's heads are the same every time. */
const fields = new Map<string, Field>();
const MOST_FIELDS = 1_000;
const LONGEST_KEPT = 200;

function fieldOf(line: string): Field {
  const known = fields.get(line);
  if (known !== undefined) return known;
  const colon = line.indexOf(":");
  if (colon <= 0) throw new MalformedResponse("a header has no name");
  const field = { name: line.slice(0, colon).toLowerCase(), value: line.slice(colon + 1).trim() };
  if (line.length <= LONGEST_KEPT) {
    if (fields.size >= MOST_FIELDS) fields.clear();
    fields.set(line, field);
  }
  return field;
}
