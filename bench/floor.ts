/**
 * The floor, `floor.ts PORT UPSTREAM_BASE`: a proxy in Bun that checks a key, parses the body once, forwards it and reads
 * the usage, and does nothing else. What Isthmus costs above it is what Isthmus does.
 */
import { KEY, PATH } from "./exchange.ts";

const upstream = `${process.argv[3]}/chat/completions`;
const expected = `Bearer ${KEY}`;
const decoder = new TextDecoder();
let tokens = 0;

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  async fetch(request) {
    if (new URL(request.url).pathname !== PATH) return new Response(`${tokens}`);
    if (request.headers.get("authorization") !== expected) return new Response("wrong key", { status: 401 });
    const text = await request.text();
    const body = JSON.parse(text) as { model?: unknown; stream?: boolean };
    if (typeof body.model !== "string") return new Response("no model", { status: 400 });
    const answer = await fetch(upstream, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer upstream" },
      body: text,
      signal: request.signal,
    });
    if (body.stream === true && answer.body !== null) {
      return new Response(answer.body.pipeThrough(usageTap()), { headers: { "content-type": "text/event-stream" } });
    }
    const out = await answer.text();
    tokens += (JSON.parse(out) as { usage: { total_tokens: number } }).usage.total_tokens;
    return new Response(out, { status: answer.status, headers: { "content-type": "application/json" } });
  },
});

function usageTap(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      if (decoder.decode(chunk).includes('"usage":{')) tokens++;
      controller.enqueue(chunk);
    },
  });
}
