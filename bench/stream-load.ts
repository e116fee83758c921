/**
 * Load of streams: `stream-load.ts URL STREAMS`. Opens that many, a hundred every 50 ms, reads each to its end, and prints
 * one line with the frames received, the failures and the time to the first byte.
 */
import { KEY, requestBody } from "./exchange.ts";
import { percentile } from "./statistics.ts";

const [url, streams] = process.argv.slice(2) as [string, string];
const body = requestBody(true);
const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
const LINE_FEED = 10;
const END = new TextEncoder().encode("data: [DONE]\n\n");
const firstByteMs: number[] = [];
let frames = 0;
let failures = 0;

async function readStream(): Promise<void> {
  const sent = performance.now();
  const response = await fetch(url, { method: "POST", headers, body });
  if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
  let tail: Uint8Array = new Uint8Array();
  let previous = 0;
  let first = true;
  for await (const chunk of response.body) {
    if (first) firstByteMs.push(performance.now() - sent);
    first = false;
    for (const byte of chunk) {
      if (byte === LINE_FEED && previous === LINE_FEED) frames++;
      previous = byte;
    }
    tail = Uint8Array.from([...tail, ...chunk.subarray(-END.length)]).slice(-END.length);
  }
  if (!tail.every((byte, index) => byte === END[index])) throw new Error("the stream ended without its end mark");
}

const running: Promise<void>[] = [];
for (let opened = 0; opened < Number(streams); opened++) {
  if (opened > 0 && opened % 100 === 0) await Bun.sleep(50);
  running.push(
    readStream().catch(() => {
      failures++;
    }),
  );
}
await Promise.all(running);
const result = { frames, failures, p50: percentile(firstByteMs, 0.5), p99: percentile(firstByteMs, 0.99) };
console.log(`RESULT ${JSON.stringify(result)}`);
process.exit(0);
