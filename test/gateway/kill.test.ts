import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listRecords } from "../../src/ledger/queries.ts";
import type { SpendRecord } from "../../src/ledger/record.ts";
import { verify } from "../../src/ledger/verify.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { chat, freePort, startGateway } from "../support/gateway.ts";
import { testPostgres } from "../support/services/postgres.ts";
import { chatAnswer, chatStream, startUpstream } from "../support/upstream.ts";

const KILLS = 8;
const CLIENTS = 16;

const postgres = await testPostgres("kill");
const folders: string[] = [];
const upstream = startUpstream(async (request) => {
  await Bun.sleep(Math.random() * 20);
  return request.json?.stream === true ? chatStream(["a ", "b ", "c"], { gap: 2 }) : Response.json(chatAnswer("hello"));
});

afterAll(async () => {
  await upstream.stop();
  await postgres?.drop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const places = [
  { name: "sqlite", env: {} },
  ...(postgres === undefined ? [] : [{ name: "postgres", env: { DATABASE_URL: postgres.url } }]),
];

test.each(places)(
  "kill -9 under load on $name: one record for every call that a client saw complete, and none that does not belong",
  async ({ env }) => {
    const dataDir = mkdtempSync(join(tmpdir(), "isthmus-kill-"));
    folders.push(dataDir);
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
            num_retries: 0,
          },
        },
      ],
      litellm_settings: { num_retries: 0 },
    });
    const complete = new Set<string>();
    const begun = new Set<string>();
    const port = freePort();
    for (let round = 0; round < KILLS; round++) {
      const gateway = await startGateway({ config, dataDir, port, env });
      let running = true;
      const client = async (number: number): Promise<void> => {
        while (running) {
          const callId = crypto.randomUUID();
          begun.add(callId);
          try {
            const stream = number % 2 === 0;
            const response = await chat(
              gateway,
              { model: "m", stream, messages: [{ role: "user", content: "hi" }] },
              { "x-litellm-call-id": callId },
            );
            const text = await response.text();
            if (response.status === 200 && (!stream || text.includes("[DONE]"))) complete.add(callId);
          } catch {
            // The gateway was killed under this call.
            await Bun.sleep(5);
          }
        }
      };
      const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
      await Bun.sleep(100 + Math.random() * 200);
      gateway.process.kill("SIGKILL");
      running = false;
      await Promise.all([...clients, gateway.stop("SIGKILL")]);
    }
    // Readiness says 200 only when the journals of all the dead are recovered.
    const last = await startGateway({ config, dataDir, port, env });
    await last.stop();

    const database = openDatabase("DATABASE_URL" in env ? { url: env.DATABASE_URL } : { dataDir });
    const rows = await allRecords(database);
    expect((await verify(database)).differences).toEqual([]);
    await database.close();
    const visible = rows.map((row) => row.callId);
    expect(complete.size).toBeGreaterThan(KILLS * 5);
    expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
    const settled = new Map<string, number>();
    rows.forEach((row, index) => {
      const id = visible[index];
      if (row.status === "success" && id !== undefined) settled.set(id, (settled.get(id) ?? 0) + 1);
    });
    expect([...complete].filter((id) => settled.get(id) !== 1)).toEqual([]);
    expect(visible.filter((id) => id !== undefined && !begun.has(id))).toEqual([]);
    // A call that nobody saw complete may be settled or interrupted, but a success was under way upstream.
    expect(rows.filter((row) => !["success", "interrupted", "cancelled", "failure"].includes(row.status))).toEqual([]);
    expect(rows.length).toBeLessThanOrEqual(begun.size);
  },
  120_000,
);

async function allRecords(database: Database): Promise<SpendRecord[]> {
  const records: SpendRecord[] = [];
  let after: string | undefined;
  do {
    const page = await listRecords(database, { limit: 1000, ...(after === undefined ? {} : { after }) });
    records.push(...page.records);
    after = page.next;
  } while (after !== undefined);
  return records;
}
