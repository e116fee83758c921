/**
 * The provider's part, as a process of its own: `upstream.ts PORT`. Answers chat requests, streamed at the pace that the
 * path before /v1 names: `/frames/100/gap/20/v1/chat/completions` is 100 frames, one every 20 ms.
 */
import { ANSWER_BODY, streamEnd, streamFrame } from "./exchange.ts";

const PACE = /^\/frames\/(\d+)\/gap\/(\d+)\//;
const encoder = new TextEncoder();
const framesByCount = new Map<number, Uint8Array[]>();

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  async fetch(request) {
    const { stream } = (await request.json()) as { stream?: boolean };
    const pace = stream === true ? PACE.exec(new URL(request.url).pathname) : null;
    if (pace === null) return new Response(ANSWER_BODY, { headers: { "content-type": "application/json" } });
    return new Response(pacedStream(Number(pace[1]), Number(pace[2])), {
      headers: { "content-type": "text/event-stream" },
    });
  },
});

function pacedStream(count: number, gapMs: number): ReadableStream<Uint8Array> {
  const frames = framesOf(count);
  let timer: Timer | undefined;
  let next = 0;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => {
        controller.enqueue(frames[next++] as Uint8Array);
        if (next < frames.length) return;
        clearInterval(timer);
        controller.close();
      }, gapMs);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}

function framesOf(count: number): Uint8Array[] {
  let frames = framesByCount.get(count);
  if (frames === undefined) {
    const texts = Array.from({ length: count }, (_, index) => streamFrame(index, count));
    frames = [...texts, streamEnd(count)].map((text) => encoder.encode(text));
    framesByCount.set(count, frames);
  }
  return frames;
}
