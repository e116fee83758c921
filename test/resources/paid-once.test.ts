import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { openDatabase } from "../../src/store/database.ts";
import { eventually } from "../support/eventually.ts";
import { startGateway } from "../support/gateway.ts";
import { testPostgres } from "../support/services/postgres.ts";
import { answerLine, requestLine, startFilesUpstream } from "./files-upstream.ts";

const postgres = await testPostgres("paid_once");
afterAll(async () => postgres?.drop());

for (const url of [undefined, ...(postgres === undefined ? [] : [postgres.url])]) {
  const name = url === undefined ? "SQLite" : "PostgreSQL";
  test(`${name}: a batch that another process finds unpaid after it was paid is not paid again`, async () => {
    const upstream = startFilesUpstream("once");
    const dataDir = mkdtempSync(join(tmpdir(), "isthmus-once-"));
    const options = {
      dataDir,
      env: {
        OPENAI_API_KEY: "sk-openai-own",
        OPENAI_BASE_URL: upstream.url,
        ...(url === undefined ? {} : { DATABASE_URL: url }),
      },
      config: JSON.stringify({ model_list: [], general_settings: { proxy_batch_polling_interval: 1 } }),
    };
    const first = await startGateway(options);
    const openai = new OpenAI({ apiKey: first.key, baseURL: `${first.url}/v1` });
    const file = await toFile(Buffer.from(requestLine("r", "gpt-4o-mini")), "r.jsonl");
    const { id: input_file_id } = await openai.files.create({ file, purpose: "batch" });
    const batch = await openai.batches.create({
      input_file_id,
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    });
    const usage = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 };
    upstream.finish(batch.id, [answerLine("r", "gpt-4o-mini", usage)]);

    const database = openDatabase(url === undefined ? { dataDir } : { url });
    const { kysely } = database;
    const paid = () => kysely.selectFrom("spend").select("cost_nano").where("cost_nano", ">", 0n).execute();
    const isSettled = async () => {
      const job = kysely.selectFrom("deferred_cost").select("settled").where("id", "=", batch.id);
      return (await job.executeTakeFirstOrThrow()).settled === 1;
    };
    await eventually(async () => (await isSettled()) && (await paid()).length === 1, { what: "the batch is paid" });
    await first.stop("SIGKILL");

    // The process died between the row and the mark that it is written.
    await kysely.updateTable("deferred_cost").set({ settled: 0, next_at: 0 }).where("id", "=", batch.id).execute();
    const second = await startGateway(options);
    await eventually(isSettled, { what: "the other process has looked at it" });
    // What it journaled is in the database when it has ended.
    await second.stop();
    expect(await paid()).toEqual([{ cost_nano: 225_000n }]);
    await database.close();
    await upstream.stop();
    rmSync(dataDir, { recursive: true });
  }, 60_000);
}
