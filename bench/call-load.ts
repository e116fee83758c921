/**
 * Load of whole answers, for machines without wrk: `call-load.ts URL CONNECTIONS SECONDS`. Prints the same line as
 * wrk-chat.lua does.
 */
import { KEY, requestBody } from "./exchange.ts";
import { percentile } from "./statistics.ts";

const [url, connections, seconds] = process.argv.slice(2) as [string, string, string];
const body = requestBody(false);
const headers = { "content-type": "application/json", authorization: `Bearer ${KEY}` };
const latencies: number[] = [];
let failures = 0;

const start = performance.now();
const end = start + Number(seconds) * 1000;
async function client(): Promise<void> {
  while (performance.now() < end) {
    const sent = performance.now();
    try {
      const response = await fetch(url, { method: "POST", headers, body });
      await response.arrayBuffer();
      if (!response.ok) failures++;
    } catch {
      failures++;
    }
    latencies.push((performance.now() - sent) * 1000);
  }
}
await Promise.all(Array.from({ length: Number(connections) }, client));
const result = {
  requests: latencies.length,
  seconds: (performance.now() - start) / 1000,
  p50: percentile(latencies, 0.5),
  p99: percentile(latencies, 0.99),
  failures,
};
console.log(`RESULT ${JSON.stringify(result)}`);
