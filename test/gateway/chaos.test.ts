import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listRecords } from "../../src/ledger/queries.ts";
import type { SpendRecord } from "../../src/ledger/record.ts";
import { verify } from "../../src/ledger/verify.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { createDatabase, ownPostgres } from "../support/services/postgres.ts";
import { chatAnswer, chatStream, startUpstream } from "../support/upstream.ts";

/** How long PostgreSQL is away; a minute and more is for runs that have the time. */
const AWAY_SECONDS = Number(process.env.TEST_POSTGRES_AWAY_SECONDS ?? 2);
const CLIENTS = 8;

const server = await ownPostgres();
const cleanUps: (() => Promise<unknown> | unknown)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await server?.stop();
});

const message = (stream: boolean) => ({ model: "m", stream, messages: [{ role: "user", content: "hi" }] });

async function setUp() {
  const upstream = startUpstream(async (request) => {
    await Bun.sleep(Math.random() * 10);
    return request.json?.stream === true
      ? chatStream(["a ", "b ", "c ", "d"], { gap: request.text.includes("slowly") ? 100 : 2 })
      : Response.json(chatAnswer("hello"));
  });
  cleanUps.push(() => upstream.stop());
  const config = JSON.stringify({
    model_list: [
      {
        model_name: "m",
        litellm_params: {
          model: "openai/m",
          api_base: `${upstream.url}/v1`,
          api_key: "x",
          input_cost_per_token: 1e-6,
          output_cost_per_token: 4e-6,
        },
      },
    ],
    litellm_settings: { num_retries: 0 },
    general_settings: { database_statement_timeout: 2, database_connect_timeout: 1 },
  });
  const postgres = await createDatabase(server?.url as string, "chaos");
  const dataDir = mkdtempSync(join(tmpdir(), "isthmus-chaos-"));
  cleanUps.push(() => rmSync(dataDir, { recursive: true, force: true }));
  return { upstream, config, dataDir, url: postgres.url, env: { DATABASE_URL: postgres.url } };
}

/** Clients that call until they are told to stop; says how their calls ended. */
function load(gateway: RunningGateway): { stop(): Promise<{ ok: number; refused: number }> } {
  let running = true;
  const ends = { ok: 0, refused: 0 };
  const client = async (number: number) => {
    while (running) {
      const stream = number % 2 === 0;
      const response = await chat(gateway, message(stream));
      const text = await response.text();
      if (response.status === 200 && (!stream || text.includes("[DONE]"))) ends.ok++;
      else ends.refused++;
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  return {
    async stop() {
      running = false;
      await Promise.all(clients);
      return ends;
    },
  };
}

async function readLedger(url: string): Promise<SpendRecord[]> {
  const database = openDatabase({ url });
  try {
    const records: SpendRecord[] = [];
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await listRecords(database, { limit: 5000, ...(after === undefined ? {} : { after }) });
      records.push(...page.records);
      after = page.next;
    }
    expect((await verify(database)).differences).toEqual([]);
    return records;
  } finally {
    await database.close();
  }
}

const readiness = async (gateway: RunningGateway) => {
  const response = await fetch(`${gateway.url}/health/readiness`);
  return { status: response.status, body: (await response.json()) as { degraded?: string[] } };
};

describe.skipIf(server === undefined)("on PostgreSQL", () => {
  test.each(["killed", "frozen"] as const)(
    "%s under load: every call is answered, and stands in the ledger once",
    async (how) => {
      const { upstream, config, dataDir, url, env } = await setUp();
      const gateway = await startGateway({ config, dataDir, env });
      cleanUps.push(() => gateway.stop("SIGKILL"));
      const running = load(gateway);
      await Bun.sleep(300);
      if (how === "killed") await server?.kill();
      else await server?.freeze();
      await Bun.sleep(AWAY_SECONDS * 1000);
      const away = await readiness(gateway);
      expect(away.status).toBe(200);
      if (how === "killed") {
        await eventually(async () => (await readiness(gateway)).body.degraded?.includes("database") === true);
        await server?.start();
      } else {
        await server?.thaw();
      }
      await Bun.sleep(300);
      const ends = await running.stop();
      await eventually(async () => (await readiness(gateway)).body.degraded === undefined, { seconds: 30 });
      expect(await gateway.stop()).toBe(0);
      const records = await readLedger(url);
      expect(ends.refused).toBe(0);
      expect(records).toHaveLength(upstream.requests.length);
      expect(new Set(records.map((record) => record.id)).size).toBe(records.length);
      expect(records.filter((record) => record.status === "success")).toHaveLength(ends.ok);
    },
    60_000 + AWAY_SECONDS * 2000,
  );

  test("gone when the gateway ends: the next start brings what the journal has", async () => {
    const { upstream, config, dataDir, url, env } = await setUp();
    const gateway = await startGateway({ config, dataDir, env });
    await server?.kill();
    const responses = await Promise.all(Array.from({ length: 20 }, () => chat(gateway, message(false))));
    expect(responses.map((response) => response.status)).toEqual(Array(20).fill(200));
    await gateway.stop("SIGKILL");
    const start = startGateway({ config, dataDir, env });
    // It waits for the database.
    await Bun.sleep(300);
    await server?.start();
    await (await start).stop();
    const records = await readLedger(url);
    expect(records.map((record) => record.status)).toEqual(Array(20).fill("success"));
    expect(upstream.requests).toHaveLength(20);
  }, 60_000);

  test("SIGTERM during streams: they end as they should, and stand in the ledger", async () => {
    const { config, dataDir, url, env } = await setUp();
    const gateway = await startGateway({ config, dataDir, env });
    const slow = { ...message(true), messages: [{ role: "user", content: "slowly" }] };
    const streams = Array.from({ length: 10 }, async () => (await chat(gateway, slow)).text());
    await Bun.sleep(200);
    expect(await gateway.stop()).toBe(0);
    for (const text of await Promise.all(streams)) expect(text).toContain("[DONE]");
    const records = await readLedger(url);
    expect(records.map((record) => record.status)).toEqual(Array(10).fill("success"));
  }, 60_000);

  test("a full disk of the journal stops admission with 503 and no answer in flight", async () => {
    const { upstream, config, dataDir, url, env } = await setUp();
    const journal = join(dataDir, "journal");
    mkdirSync(journal);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", journal]);
    if (mounted.exitCode !== 0) {
      console.log("no disk can be filled here without the right to mount: the test of a full one is left out");
      return;
    }
    try {
      const gateway = await startGateway({ config, dataDir, env });
      const slow = chat(gateway, { ...message(true), messages: [{ role: "user", content: "slowly" }] });
      await Bun.sleep(100);
      expect(() => writeFileSync(join(journal, "filler"), Buffer.alloc(1024 * 1024))).toThrow();
      // What is left of the journal's last page takes some lines.
      let refused = await chat(gateway, message(false));
      for (let calls = 0; refused.status === 200 && calls < 100; calls++) refused = await chat(gateway, message(false));
      expect(refused.status).toBe(503);
      expect(await refused.json()).toMatchObject({ error: { code: "503" } });
      expect(await (await slow).text()).toContain("[DONE]");
      rmSync(join(journal, "filler"));
      await eventually(async () => (await chat(gateway, message(false))).status === 200);
      expect(await gateway.stop()).toBe(0);
      const records = await readLedger(url);
      expect(records.filter((record) => record.status === "success")).toHaveLength(upstream.requests.length);
    } finally {
      Bun.spawnSync(["umount", "-l", journal]);
    }
  }, 60_000);
});
