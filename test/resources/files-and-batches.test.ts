import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import OpenAI, { toFile } from "openai";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { testPostgres } from "../support/services/postgres.ts";
import { answerLine, type FilesUpstream, requestLine, startFilesUpstream } from "./files-upstream.ts";

const postgres = await testPostgres("resources");
const databases = [
  { name: "SQLite", env: {} },
  ...(postgres === undefined ? [] : [{ name: "PostgreSQL", env: { DATABASE_URL: postgres.url } }]),
];
afterAll(async () => postgres?.drop());

const USAGE = { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 };

for (const { name, env } of databases) {
  describe(name, () => {
    let first: FilesUpstream;
    let second: FilesUpstream;
    let gateway: RunningGateway;
    let admin: ManagementClient;
    const keys = { a: "", mate: "", b: "", narrow: "" };

    beforeAll(async () => {
      first = startFilesUpstream("one");
      second = startFilesUpstream("two");
      gateway = await startGateway({
        env: { ...env, OPENAI_API_KEY: "sk-openai-own", OPENAI_BASE_URL: first.url },
        config: JSON.stringify({
          model_list: [
            {
              model_name: "cheap",
              litellm_params: { model: "openai/gpt-4o-mini", api_key: "sk-second", api_base: second.url },
            },
            {
              model_name: "azure-big",
              litellm_params: {
                model: "azure/prod-4o",
                api_key: "azure-own-key",
                api_base: second.url.replace("/v1", ""),
                api_version: "2025-04-01-preview",
              },
              model_info: { base_model: "azure/gpt-4o" },
            },
          ],
          general_settings: { proxy_batch_polling_interval: 1 },
        }),
      });
      admin = new ManagementClient(gateway);
      for (const team of ["t1", "t2"]) await admin.ok("POST", "/team/new", { team_id: team });
      const make = async (fields: object) => (await admin.ok("POST", "/key/generate", fields)).key as string;
      keys.a = await make({ team_id: "t1" });
      keys.mate = await make({ team_id: "t1" });
      keys.b = await make({ team_id: "t2" });
      keys.narrow = await make({ team_id: "t2", models: ["cheap"] });
    });
    afterAll(async () => {
      await gateway.stop();
      await first.stop();
      await second.stop();
    });

    const client = (key: string) => new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const batchFile = (...models: string[]) =>
      toFile(Buffer.from(models.map((model, index) => requestLine(`r${index}`, model)).join("")), "requests.jsonl");
    const spendOf = async (key: string) => (await admin.ok("GET", `/key/info?key=${key}`)).info.spend as number;
    const refused = async (call: Promise<unknown>) => {
      try {
        await call;
      } catch (error) {
        return error as { status: number; message: string };
      }
      throw new Error("it was not refused");
    };

    test("files of a provider that is named by nobody or by its name keep the provider's ids", async () => {
      const openai = client(keys.a);
      const made = await openai.files.create({
        file: await toFile(Buffer.from("hello"), "notes.txt"),
        purpose: "assistants",
      });
      expect(made).toMatchObject({ filename: "notes.txt", bytes: 5, purpose: "assistants" });
      expect(first.files.get(made.id)?.text).toBe("hello");
      expect(first.requests.at(-1)?.authorization).toBe("Bearer sk-openai-own");
      expect(await openai.files.retrieve(made.id)).toMatchObject({ id: made.id });
      expect(await (await openai.files.content(made.id)).text()).toBe("hello");
      expect((await openai.files.list()).data.map(({ id }) => id)).toContain(made.id);

      const below = await fetch(`${gateway.url}/openai/v1/files/${made.id}`, {
        headers: { authorization: `Bearer ${keys.a}` },
      });
      expect(await below.json()).toMatchObject({ id: made.id });
      expect(await openai.files.delete(made.id)).toMatchObject({ deleted: true });
      expect((await openai.files.list()).data.map(({ id }) => id)).not.toContain(made.id);
    });

    test("a team's files are its own: others neither see, read, use nor delete them", async () => {
      const made = await client(keys.a).files.create({ file: await batchFile("gpt-4o-mini"), purpose: "batch" });
      expect(await client(keys.mate).files.retrieve(made.id)).toMatchObject({ id: made.id });
      expect((await client(keys.mate).files.list()).data.map(({ id }) => id)).toContain(made.id);
      const other = client(keys.b);
      expect((await other.files.list()).data.map(({ id }) => id)).not.toContain(made.id);
      const start = { input_file_id: made.id, endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
      expect(await refused(other.files.retrieve(made.id))).toMatchObject({ status: 403 });
      expect(await refused(other.files.content(made.id))).toMatchObject({ status: 403 });
      expect(await refused(other.files.delete(made.id))).toMatchObject({ status: 403 });
      expect(await refused(other.batches.create(start))).toMatchObject({ status: 403 });
      expect(first.files.has(made.id)).toBe(true);
      expect((await client(gateway.key).files.list()).data.map(({ id }) => id)).toContain(made.id);
    });

    test("a file for a model goes to its deployment, under an id of the gateway's", async () => {
      const openai = client(keys.a);
      const file = await openai.files.create({
        file: await batchFile("cheap"),
        purpose: "batch",
        ...({ target_model_names: "cheap" } as object),
      });
      expect(file.id).toStartWith("bGl0ZWxsbV9wcm94eTo");
      const kept = [...second.files.values()].at(-1);
      expect(kept?.text).toContain('"model":"gpt-4o-mini"');
      expect(kept?.fields).toEqual({ purpose: "batch" });
      expect(second.requests.at(-1)?.authorization).toBe("Bearer sk-second");

      const batch = await openai.batches.create({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
        metadata: { purpose: "night" },
      });
      expect(batch).toMatchObject({ input_file_id: file.id, metadata: { purpose: "night" }, status: "in_progress" });
      const upstreamId = [...second.batches.keys()].at(-1) ?? "";
      expect(batch.id).not.toBe(upstreamId);
      expect(second.batches.get(upstreamId)).toMatchObject({ input_file_id: kept?.id });
      second.finish(upstreamId, [answerLine("r0", "gpt-4o-mini-2024-07-18", USAGE)]);
      const done = await openai.batches.retrieve(batch.id);
      expect(done).toMatchObject({ id: batch.id, status: "completed", input_file_id: file.id });
      expect(done.output_file_id).toStartWith("bGl0ZWxsbV9wcm94eTo");
      expect(await (await openai.files.content(done.output_file_id ?? "")).text()).toContain('"custom_id":"r0"');
      expect((await openai.batches.list()).data.map(({ id }) => id)).toContain(batch.id);
      expect(await refused(client(keys.b).files.content(done.output_file_id ?? ""))).toMatchObject({ status: 403 });
      expect(await refused(client(keys.b).batches.cancel(batch.id))).toMatchObject({ status: 403 });
    });

    test("a file for several models goes to each, under its own name for them", async () => {
      const openai = client(keys.a);
      const had = second.files.size;
      const file = await openai.files.create({
        file: await batchFile("cheap"),
        purpose: "batch",
        ...({ target_model_names: "cheap, azure-big" } as object),
      });
      const copies = [...second.files.values()].slice(had).map(({ text }) => text ?? "");
      expect(copies.map((text) => JSON.parse(text).body.model).sort()).toEqual(["gpt-4o-mini", "prod-4o"]);
      await openai.batches.create({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
        ...({ model: "azure-big" } as object),
      });
      expect(second.requests.at(-1)?.line).toStartWith("POST /openai/batches?api-version=");
    });

    test("Azure is asked on its own paths", async () => {
      const openai = client(keys.a);
      const file = await openai.files.create({
        file: await batchFile("azure-big"),
        purpose: "batch",
        ...({ model: "azure-big" } as object),
      });
      expect(second.requests.at(-1)).toMatchObject({
        line: "POST /openai/files?api-version=2025-04-01-preview",
        authorization: "azure-own-key",
      });
      expect([...second.files.values()].at(-1)?.text).toContain('"model":"prod-4o"');
      expect(await openai.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
      expect(await refused(openai.files.retrieve(file.id))).toMatchObject({ status: 404 });
    });

    test("a batch is paid once when it is done, at batch prices, by the key that began it", async () => {
      const openai = client(keys.b);
      const before = await spendOf(keys.b);
      const file = await openai.files.create({ file: await batchFile("gpt-4o-mini", "gpt-4o-mini"), purpose: "batch" });
      const batch = await openai.batches.create({
        input_file_id: file.id,
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
      expect(await spendOf(keys.b)).toBe(before);
      const failed = {
        custom_id: "r2",
        response: { status_code: 400, body: { error: { message: "no" } } },
        error: null,
      };
      first.finish(batch.id, [
        answerLine("r0", "gpt-4o-mini-2024-07-18", USAGE),
        answerLine("r1", "gpt-4o-mini-2024-07-18", USAGE),
        failed,
      ]);
      // 2 × (1000 × 0.075 + 500 × 0.3) millionths of a dollar: half of gpt-4o-mini's prices.
      const cost = 0.00045;
      await eventually(async () => Math.abs((await spendOf(keys.b)) - before - cost) < 1e-12, {
        what: "the batch is paid",
      });
      for (let times = 0; times < 3; times++) await openai.batches.retrieve(batch.id);
      await Bun.sleep(1500);
      expect((await spendOf(keys.b)) - before).toBeCloseTo(cost, 12);

      const rows = (await admin.ok("GET", `/spend/logs?api_key=${keys.b}`)) as Record<string, unknown>[];
      const paid = rows.filter(({ spend }) => Number(spend) > 0);
      expect(paid).toHaveLength(1);
      expect(paid[0]).toMatchObject({
        call_type: "aretrieve_batch",
        prompt_tokens: 2000,
        completion_tokens: 1000,
        metadata: { batch_id: batch.id, batch_models: ["gpt-4o-mini-2024-07-18"] },
      });
    });

    test("a key that may use some models only uses no others by way of a batch", async () => {
      const openai = client(keys.narrow);
      const upload = (...models: string[]) =>
        batchFile(...models).then((file) =>
          openai.files.create({ file, purpose: "batch", ...({ model: "cheap" } as object) }),
        );
      expect(await refused(upload("cheap", "gpt-4o"))).toMatchObject({ status: 403 });
      expect(await refused(openai.files.create({ file: await batchFile("gpt-4o"), purpose: "batch" }))).toMatchObject({
        status: 403,
      });
      const stranger = openai.batches.create({
        input_file_id: "file-nobody-knows",
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
      });
      expect(await refused(stranger)).toMatchObject({ status: 403 });
      expect((await upload("cheap")).id).toStartWith("bGl0ZWxsbV9wcm94eTo");
    });

    test("every byte of a file arrives, whatever it is", async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(60_000));
      // What a delimiter begins with must not end a part.
      bytes.set(Buffer.from("\r\n--\r\n----\r\n\r\n"), 30_000);
      const sent = Buffer.concat(Array.from({ length: 15 }, () => bytes));
      const made = await client(keys.a).files.create({
        file: await toFile(sent, 'a "name".bin'),
        purpose: "user_data",
      });
      expect(first.files.get(made.id)).toMatchObject({
        bytes: sent.length,
        // As browsers write quotes in names.
        filename: "a %22name%22.bin",
        sha256: createHash("sha256").update(sent).digest("hex"),
      });
    });

    test("what cannot be done is said", async () => {
      const openai = client(keys.a);
      const broken = openai.files.create({
        file: await toFile(Buffer.from("{}\nnot json\n"), "x.jsonl"),
        purpose: "batch",
      });
      expect((await refused(broken)).message).toContain("line 2 is not a JSON object");
      expect(
        await refused(client(gateway.key).files.list({}, { query: { custom_llm_provider: "cohere" } })),
      ).toMatchObject({ status: 400 });
      expect(await refused(openai.files.retrieve("file-none"))).toMatchObject({ status: 404 });
      expect(await refused(openai.files.retrieve("bGl0ZWxsbV9wcm94eTowMDA"))).toMatchObject({ status: 404 });
    });

    test.skipIf(!existsSync("/proc/self/status"))("a large file never stands in memory as a whole", async () => {
      const folder = mkdtempSync(join(tmpdir(), "isthmus-large-"));
      const path = join(folder, "large.bin");
      const chunk = crypto.getRandomValues(new Uint8Array(65_536));
      const writer = Bun.file(path).writer();
      for (let index = 0; index < 7_220; index++) {
        chunk[index % 65_536] = index & 255;
        writer.write(chunk);
        if (index % 64 === 0) await writer.flush();
      }
      await writer.end();
      const peak = (): number => {
        const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
        return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
      };
      const before = peak();
      const made = await client(keys.a).files.create({ file: createReadStream(path), purpose: "user_data" });
      rmSync(folder, { recursive: true });
      expect(made.bytes).toBeGreaterThan(450 * 1024 * 1024);
      console.log(`450 MB: ${Math.round(peak() - before)} MB more at the peak`);
      // Half of the file: what the collector has not got to yet differs from run to run.
      expect(peak() - before).toBeLessThan(225);
    });
  });
}
