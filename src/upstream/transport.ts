import { connectionFailure } from "./connection-failure.ts";

export { connectionFailure };

/** A body that is made while it is sent: it never stands in memory as a whole. */
export interface StreamedBody {
  /** Bytes. */
  readonly size: number;
  /** Called once for each time that it is sent. */
  stream(): ReadableStream<Uint8Array>;
}

export type RequestBody = string | Uint8Array | FormData | StreamedBody;

/** Whether a body is made while it is sent. */
export function isStreamedBody(body: RequestBody | undefined): body is StreamedBody {
  return typeof body === "object" && "stream" in body && typeof body.stream === "function";
}

/** A request as it goes out. */
export interface TransportRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
}

/** The part of `Headers` that readers of answers use. */
export interface UpstreamHeaders {
  get(name: string): string | null;
  forEach(visit: (value: string, name: string) => void): void;
}

/** Takes the bytes of an answer as they come. Exactly one of `end` and `fail` is called, once. */
export interface ByteSink {
  /** The bytes are valid during the call only. */
  data(chunk: Uint8Array): void;
  end(): void;
  fail(error: unknown): void;
}

/** Holds the bytes back while nobody can take them. */
export interface ByteSource {
  pause(): void;
  resume(): void;
}

/** The answer to one request. Its body is read once, by `text` or by `read`. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: UpstreamHeaders;
  text(): Promise<string>;
  /** Bytes that have come already reach the sink before this returns. */
  read(sink: ByteSink): ByteSource;
}

/** One request under way. */
export interface PendingCall {
  /** Resolves with whatever answer came, also an error status; rejects when none came: see `connectionFailure`. */
  readonly response: Promise<UpstreamResponse>;
  /** Ends the request or its answer. A pending `response`, `text` or `read` then fails with `reason`. */
  abort(reason: Error): void;
}

/** What carries requests: the gateway's own HTTP client, or any `fetch`. */
export type Carrier = (request: TransportRequest) => PendingCall;

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The only outbound HTTP of the gateway. */
export class Transport {
  readonly #carrier: Carrier;

  constructor(carrier: Carrier) {
    this.#carrier = carrier;
  }

  open(request: TransportRequest): PendingCall {
    return this.#carrier(request);
  }
}

/** Carries requests by a `fetch`. Redirects are not followed: a provider's API never needs one. */
export function fetchCarrier(fetch: Fetch = globalThis.fetch): Carrier {
  return (request) => {
    const controller = new AbortController();
    const { body } = request;
    const streamed = isStreamedBody(body);
    const response = fetch(request.url, {
      method: request.method,
      headers: streamed ? { ...request.headers, "content-length": String(body.size) } : request.headers,
      body: (streamed ? body.stream() : (body ?? null)) as BodyInit | null,
      ...(streamed ? ({ duplex: "half" } as object) : {}),
      signal: controller.signal,
      redirect: "manual",
      // Bun ends requests after five minutes unless told not to; the deadline wheel is the one clock for that.
      ...({ timeout: false } as object),
    });
    return { response: response.then(fromResponse), abort: (reason) => controller.abort(reason) };
  };
}

/** A `Response` of the platform in the transport's words. */
export function fromResponse(response: Response): UpstreamResponse {
  return {
    status: response.status,
    headers: response.headers,
    text: () => response.text(),
    read: (sink) => readStream(response.body, sink),
  };
}

function readStream(body: ReadableStream<Uint8Array> | null, sink: ByteSink): ByteSource {
  let paused = false;
  let wake: (() => void) | undefined;
  const run = async (): Promise<void> => {
    if (body === null) {
      sink.end();
      return;
    }
    const reader = body.getReader();
    try {
      for (;;) {
        if (paused) await new Promise<void>((resolve) => (wake = resolve));
        const { done, value } = await reader.read();
        if (done) break;
        sink.data(value);
      }
    } catch (error) {
      sink.fail(error);
      return;
    }
    sink.end();
  };
  void run();
  return {
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      wake?.();
      wake = undefined;
    },
  };
}

/** The answer as a `Response` of the platform, for protocols of several requests that are written against `fetch`. */
export async function toResponse(answer: UpstreamResponse): Promise<Response> {
  const headers = new Headers();
  answer.headers.forEach((value, name) => {
    // The body is already unpacked and in one piece.
    if (name !== "content-encoding" && name !== "content-length" && name !== "transfer-encoding")
      headers.set(name, value);
  });
  const type = headers.get("content-type") ?? "";
  if (answer.status === 204 || answer.status === 304) return new Response(null, { status: answer.status, headers });
  if (
    !type.includes("event-stream") &&
    !type.includes("eventstream") &&
    !type.includes("octet-stream") &&
    !type.startsWith("audio/")
  ) {
    return new Response(await answer.text(), { status: answer.status, headers });
  }
  let source: ByteSource | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      source = answer.read({
        data: (chunk) => {
          controller.enqueue(chunk.slice());
          if ((controller.desiredSize ?? 1) <= 0) source?.pause();
        },
        end: () => controller.close(),
        fail: (error) => controller.error(error),
      });
    },
    pull: () => source?.resume(),
  });
  return new Response(body, { status: answer.status, headers });
}
