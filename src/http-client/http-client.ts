import { createBrotliDecompress, createUnzip, type Gunzip } from "node:zlib";
import {
  type ByteSink,
  type ByteSource,
  type Carrier,
  fetchCarrier,
  isStreamedBody,
  type PendingCall,
  type TransportRequest,
  type UpstreamHeaders,
  type UpstreamResponse,
} from "../upstream/transport.ts";
import type { Connection, Exchange, Origin } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { ResponseHead } from "./response-parser.ts";

/**
 * The gateway's own HTTP/1.1 client. Bun's `fetch` does its work on a thread of its own, which costs a hand-over each
 * way; here an answer's bytes come straight to the code that looks at them (measured: a third less CPU per request).
 * Forms, which need an encoder, bodies that are streamed and machines with a proxy go through `fetch`.
 */
export function httpCarrier(environment: Readonly<Record<string, string | undefined>>): Carrier {
  const viaFetch = fetchCarrier();
  if (hasProxy(environment)) return viaFetch;
  const pool = new ConnectionPool();
  return (request) =>
    request.body instanceof FormData || isStreamedBody(request.body) ? viaFetch(request) : new HttpCall(pool, request);
}

function hasProxy(environment: Readonly<Record<string, string | undefined>>): boolean {
  return ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].some((name) => (environment[name] ?? "") !== "");
}

const origins = new Map<string, { readonly origin: Origin; readonly host: string }>();
const MOST_ORIGINS = 10_000;

interface Address {
  readonly origin: Origin;
  readonly host: string;
  readonly path: string;
}

/** Takes a URL apart; scheme and authority are looked up, since calls go to few places. */
function addressOf(url: string): Address {
  const start = url.indexOf("//") + 2;
  const slash = url.indexOf("/", start);
  const query = url.indexOf("?", start);
  const end = slash < 0 ? (query < 0 ? url.length : query) : query < 0 ? slash : Math.min(slash, query);
  const authority = url.slice(0, end);
  let known = origins.get(authority);
  if (known === undefined) {
    const parsed = new URL(url);
    if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
      throw Object.assign(new Error(`cannot call a ${parsed.protocol} address`), { code: "ERR_INVALID_URL" });
    }
    const tls = parsed.protocol === "https:";
    const hostname = parsed.hostname.replace(/^\[|\]$/g, "");
    const port = parsed.port === "" ? (tls ? 443 : 80) : Number(parsed.port);
    known = { origin: { key: parsed.origin, hostname, port, tls }, host: parsed.host };
    if (origins.size >= MOST_ORIGINS) origins.clear();
    origins.set(authority, known);
  }
  const path = url.slice(end).replace(/#.*$/, "");
  return { origin: known.origin, host: known.host, path: path.startsWith("/") ? path : `/${path}` };
}

const PLAIN_PATH = /^[\x21-\x7e]+$/;
const FORBIDDEN = /[\r\n\0]/;

interface Encoded {
  readonly bytes: string | Uint8Array;
  readonly size: number;
}

function encode(request: TransportRequest, address: Address): Encoded {
  const path = PLAIN_PATH.test(address.path) ? address.path : encodeURI(address.path).replaceAll("%25", "%");
  const head = `${request.method} ${path} HTTP/1.1\r\nhost: ${address.host}\r\n${headerLines(request.headers)}`;
  const { body } = request;
  if (body === undefined) {
    const text = `${head}${request.method === "GET" ? "" : "content-length: 0\r\n"}\r\n`;
    return { bytes: text, size: Buffer.byteLength(text) };
  }
  if (typeof body === "string") {
    const length = Buffer.byteLength(body);
    const start = `${head}content-length: ${length}\r\n\r\n`;
    return { bytes: start + body, size: Buffer.byteLength(start) + length };
  }
  const bytes = body as Uint8Array;
  const all = Buffer.concat([Buffer.from(`${head}content-length: ${bytes.byteLength}\r\n\r\n`), bytes]);
  return { bytes: all, size: all.byteLength };
}

/** Deployments send the same header object each time. */
const written = new WeakMap<object, string>();

function headerLines(headers: Readonly<Record<string, string>>): string {
  const known = written.get(headers);
  if (known !== undefined) return known;
  let lines = "";
  for (const name in headers) {
    const value = headers[name] as string;
    if (FORBIDDEN.test(value) || FORBIDDEN.test(name)) {
      throw Object.assign(new Error(`the header ${JSON.stringify(name)} has a line break`), {
        code: "ERR_INVALID_CHAR",
      });
    }
    lines += `${name}: ${value}\r\n`;
  }
  if (Object.isFrozen(headers)) written.set(headers, lines);
  return lines;
}

class HttpCall implements PendingCall, Exchange {
  readonly response: Promise<UpstreamResponse>;
  readonly #pool: ConnectionPool;
  readonly #request: TransportRequest;
  #resolve!: (response: UpstreamResponse) => void;
  #reject!: (reason: Error) => void;
  #connection: Connection | undefined;
  #aborted: Error | undefined;
  #answer: HttpAnswer | undefined;

  constructor(pool: ConnectionPool, request: TransportRequest) {
    this.#pool = pool;
    this.#request = request;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    try {
      const address = addressOf(request.url);
      const idle = pool.take(address.origin);
      if (idle === undefined) this.#sendFresh(address);
      else this.#sendOn(idle, encode(request, address));
    } catch (error) {
      this.#reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  abort(reason: Error): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.destroy();
    if (this.#answer === undefined) this.#reject(reason);
    else this.#answer.fail(reason);
  }

  head(head: ResponseHead): void {
    this.#answer = new HttpAnswer(head, this.#connection as Connection);
    this.#resolve(this.#answer);
  }

  body(chunk: Uint8Array): void {
    this.#answer?.data(chunk);
  }

  end(): void {
    this.#connection = undefined;
    this.#answer?.end();
  }

  broken(error: Error, fresh: boolean): void {
    const reused = (this.#connection?.served ?? 0) > 1;
    this.#connection = undefined;
    if (this.#answer !== undefined) {
      this.#answer.fail(error);
    } else if (fresh && reused && (error as { code?: string }).code === "ECONNRESET") {
      // The server closed an idle connection just as the request was on its way: it has not seen it.
      this.#sendFresh(addressOf(this.#request.url));
    } else {
      this.#reject(error);
    }
  }

  #sendFresh(address: Address): void {
    const encoded = encode(this.#request, address);
    this.#pool.connect(address.origin).then(
      (connection) => {
        if (this.#aborted === undefined) this.#sendOn(connection, encoded);
        else connection.destroy();
      },
      (error: unknown) => this.#reject(error instanceof Error ? error : new Error(String(error))),
    );
  }

  #sendOn(connection: Connection, encoded: Encoded): void {
    this.#connection = connection;
    connection.send(encoded.bytes, encoded.size, this);
  }
}

class AnswerHeaders implements UpstreamHeaders {
  readonly #fields: ReadonlyMap<string, string>;

  constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    return this.#fields.get(name) ?? this.#fields.get(name.toLowerCase()) ?? null;
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this.#fields) visit(value, name);
  }
}

/** Body bytes that nobody has asked for yet are kept up to this; then the connection waits. */
const KEPT_BYTES = 256 * 1024;

class HttpAnswer implements UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  readonly #connection: Connection;
  readonly #encoding: string | undefined;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #earlyText: string | undefined;
  readonly #length: number;
  readonly #isText: boolean;
  #sink: ByteSink | undefined;
  #state: "open" | "ended" | "failed" = "open";
  #failure: Error | undefined;

  constructor(head: ResponseHead, connection: Connection) {
    this.status = head.status;
    const fields = head.headers;
    this.headers = new AnswerHeaders(fields);
    const encoding = fields.get("content-encoding")?.toLowerCase();
    this.#encoding = encoding === "identity" ? undefined : encoding;
    this.#connection = connection;
    this.#length = Number(fields.get("content-length") ?? -1);
    this.#isText = this.#encoding === undefined && (fields.get("content-type") ?? "").includes("json");
  }

  text(): Promise<string> {
    if (this.#earlyText !== undefined) return Promise.resolve(this.#earlyText);
    if (this.#state === "ended" && this.#encoding === undefined) return Promise.resolve(this.#joined());
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      this.read({
        data: (chunk) => chunks.push(chunk.slice()),
        end: () => resolve(decodeAll(chunks)),
        fail: reject,
      });
    });
  }

  read(sink: ByteSink): ByteSource {
    const target = this.#encoding === undefined ? sink : unpacked(this.#encoding, sink);
    this.#sink = target;
    const early = this.#earlyText === undefined ? this.#early : [Buffer.from(this.#earlyText)];
    this.#early = [];
    if (this.#earlyBytes > KEPT_BYTES) this.#connection.resume();
    for (const chunk of early) target.data(chunk);
    if (this.#state === "ended") target.end();
    else if (this.#state === "failed") target.fail(this.#failure);
    return {
      pause: () => {
        if (this.#state === "open") this.#connection.pause();
      },
      resume: () => {
        if (this.#state === "open") this.#connection.resume();
      },
    };
  }

  data(chunk: Uint8Array): void {
    if (this.#sink !== undefined) {
      this.#sink.data(chunk);
      return;
    }
    // Usually the whole of a small JSON answer is there at once, before anybody could ask for it.
    if (this.#isText && this.#earlyText === undefined && chunk.byteLength === this.#length) {
      this.#earlyText = (chunk as Buffer).toString("utf8");
      return;
    }
    this.#early.push(chunk.slice());
    this.#earlyBytes += chunk.byteLength;
    if (this.#earlyBytes > KEPT_BYTES) this.#connection.pause();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#sink?.end();
  }

  fail(error: Error): void {
    if (this.#state !== "open") return;
    this.#state = "failed";
    this.#failure = error;
    this.#sink?.fail(error);
  }

  #joined(): string {
    const early = this.#early;
    this.#early = [];
    return decodeAll(early);
  }
}

function decodeAll(chunks: readonly Uint8Array[]): string {
  const bytes =
    chunks.length === 1
      ? Buffer.from(
          (chunks[0] as Uint8Array).buffer,
          (chunks[0] as Uint8Array).byteOffset,
          (chunks[0] as Uint8Array).byteLength,
        )
      : Buffer.concat(chunks);
  return bytes.toString("utf8");
}

/** Answers are asked for unpacked; some servers pack them all the same. */
function unpacked(encoding: string, sink: ByteSink): ByteSink {
  const stream = (encoding === "br" ? createBrotliDecompress() : createUnzip()) as Gunzip;
  stream.on("data", (chunk: Buffer) => sink.data(chunk));
  stream.on("end", () => sink.end());
  stream.on("error", (error: Error) => sink.fail(error));
  return {
    data: (chunk) => void stream.write(chunk.slice()),
    end: () => void stream.end(),
    fail: (error) => {
      stream.destroy();
      sink.fail(error);
    },
  };
}
