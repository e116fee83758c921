import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { freePort, type RunningGateway, startGateway } from "../support/gateway.ts";
import { type RawLoad, rawLoad } from "../support/raw-load.ts";
import { startTcpBalancer } from "../support/tcp-balancer.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

/** Four processes are replaced one after the other, and nobody who calls meanwhile sees anything of it. */
const CALLERS = 16;
const KEY = "sk-test-0123456789abcdef";
const DRAINING = { ISTHMUS_DRAIN_WAIT_SECONDS: "0.5" };

let upstream: Upstream;
const cleanUps: (() => Promise<unknown> | unknown)[] = [];

beforeAll(() => {
  upstream = startUpstream(async ({ json }) => {
    if (json?.stream === true) return chatStream(Array(10).fill("word "), { gap: 60 });
    await Bun.sleep(2);
    return Response.json(chatAnswer("whole"));
  });
});
afterAll(() => upstream.stop());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const config = (): string =>
  JSON.stringify({
    model_list: [
      { model_name: "m", litellm_params: { model: "openai/m", api_base: `${upstream.url}/v1`, api_key: "k" } },
    ],
    litellm_settings: { num_retries: 0 },
  });

/** Whole answers over new connections and over kept ones, and streams of more than half a second. */
function load(port: number): readonly RawLoad[] {
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${KEY}\r\n`;
  const body = (stream: boolean): string =>
    JSON.stringify({ model: "m", stream, messages: [{ role: "user", content: "hi" }] });
  const fresh = (caller: number): boolean => caller % 4 !== 0;
  return [
    rawLoad({ port, callers: CALLERS, head, body: body(false), fresh, complete: (answer) => answer.includes("whole") }),
    rawLoad({
      port,
      callers: 4,
      head,
      body: body(true),
      fresh: () => true,
      complete: (answer) => answer.includes("[DONE]"),
    }),
  ];
}

async function requireUnharmed(loads: readonly RawLoad[], least: readonly number[]): Promise<void> {
  for (const [index, each] of loads.entries()) {
    const { answered, failures } = await each.stop();
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(least[index] as number);
  }
}

const workersOf = ({ pid }: RunningGateway): readonly string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");

test("four workers on one port, replaced at SIGUSR2", async () => {
  const gateway = await startGateway({ config: config(), args: ["--num_workers", "4"], env: DRAINING, key: KEY });
  cleanUps.push(() => gateway.stop());
  await eventually(() => workersOf(gateway).length === 4);
  const before = workersOf(gateway);
  const loads = load(Number(new URL(gateway.url).port));
  gateway.process.kill("SIGUSR2");
  await eventually(() => gateway.output().includes("every worker was replaced"), { seconds: 60 });
  const after = workersOf(gateway);
  expect(after).toHaveLength(4);
  expect(after.filter((pid) => before.includes(pid))).toEqual([]);
  await requireUnharmed(loads, [200, 10]);
  expect(gateway.output()).not.toContain("may be lost");
}, 90_000);

test("four gateways behind a balancer, each ended and started again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "isthmus-rolling-"));
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
  const ports = [freePort(), freePort(), freePort(), freePort()];
  const start = (port: number): Promise<RunningGateway> =>
    startGateway({ config: config(), port, dataDir: join(folder, `${port}`), env: DRAINING, key: KEY });
  const gateways = await Promise.all(ports.map(start));
  cleanUps.push(() => Promise.all(gateways.map((gateway) => gateway.stop())));
  const balancer = await startTcpBalancer(ports);
  cleanUps.push(() => balancer.stop());
  const loads = load(balancer.port);
  for (const [index, port] of ports.entries()) {
    expect(await (gateways[index] as RunningGateway).stop()).toBe(0);
    gateways[index] = await start(port);
  }
  await requireUnharmed(loads, [200, 10]);
}, 90_000);
