/** A provider that a test plays: real HTTP on the loopback interface. */
export interface Upstream {
  readonly url: string;
  readonly requests: ReceivedRequest[];
  /** How many of the requests were cut off by the gateway. */
  aborted: number;
  handler: UpstreamHandler;
  stop(): Promise<void>;
}

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown> | undefined;
}

export type UpstreamHandler = (request: ReceivedRequest, signal: AbortSignal) => Response | Promise<Response>;

export function startUpstream(handler: UpstreamHandler): Upstream {
  const requests: ReceivedRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      const received = {
        method: request.method,
        path: pathname + search,
        headers: request.headers,
        text,
        json: parse(text),
      };
      requests.push(received);
      request.signal.addEventListener("abort", () => upstream.aborted++);
      return upstream.handler(received, request.signal);
    },
  });
  const upstream: Upstream = {
    url: `http://127.0.0.1:${server.port}`,
    requests,
    aborted: 0,
    handler,
    stop: () => server.stop(true),
  };
  return upstream;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A whole chat answer. */
export function chatAnswer(content: string, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "chatcmpl-test",
    object: "chat.completion",
    created: 1_763_900_000,
    model: "upstream-model-2026",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    ...extra,
  };
}

export interface ChatStreamOptions {
  /** Milliseconds between frames. */
  readonly gap?: number;
  readonly usage?: boolean;
  /** Whether the stream ends with a finish reason and `[DONE]`. */
  readonly complete?: boolean;
  /** Written after the words, instead of the ending. */
  readonly tail?: string;
  /** Sends one byte at a time. */
  readonly bytewise?: boolean;
}

/** A streamed chat answer, word by word. */
export function chatStream(words: readonly string[], options: ChatStreamOptions = {}): Response {
  const base = {
    id: "chatcmpl-test",
    object: "chat.completion.chunk",
    created: 1_763_900_000,
    model: "upstream-model-2026",
  };
  const frame = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
  const chunk = (delta: unknown, finish: string | null = null): string =>
    frame({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] });
  const frames = [chunk({ role: "assistant", content: "" }), ...words.map((word) => chunk({ content: word }))];
  if (options.tail !== undefined) frames.push(options.tail);
  else if (options.complete !== false) {
    frames.push(chunk({}, "stop"));
    if (options.usage !== false) {
      frames.push(
        frame({
          ...base,
          choices: [],
          usage: { prompt_tokens: 10, completion_tokens: words.length, total_tokens: 10 + words.length },
        }),
      );
    }
    frames.push("data: [DONE]\n\n");
  }
  const encoder = new TextEncoder();
  const pieces =
    options.bytewise === true
      ? frames.flatMap((text) => [...encoder.encode(text)].map((byte) => Uint8Array.of(byte)))
      : frames.map((text) => encoder.encode(text));
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next > 0 && options.gap !== undefined) await Bun.sleep(options.gap);
      const piece = pieces[next++];
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
