import { afterAll, beforeAll, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { ManagementClient } from "../support/management-client.ts";
import { type FilesUpstream, startFilesUpstream } from "./files-upstream.ts";

let upstream: FilesUpstream;
let gateway: RunningGateway;
let admin: ManagementClient;
let mine = "";
let other = "";
let narrow = "";
let ended = false;

/** Answers every POST with an object of its own, and what is asked of one with its id. */
function play(request: Request, path: string, body: string): Response | undefined {
  const [, kind = "", id = "", more] = path.split("/");
  if (kind === "messages") {
    const batch = {
      id: "msgbatch_1",
      type: "message_batch",
      processing_status: ended ? "ended" : "in_progress",
      results_url: ended ? `${upstream.url}/messages/batches/msgbatch_1/results` : null,
    };
    if (!path.endsWith("/results")) return Response.json(batch);
    const usage = { input_tokens: 1000, output_tokens: 100 };
    const message = {
      id: "m",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-5-20250929",
      content: [],
      usage,
    };
    const lines = [
      { custom_id: "a", result: { type: "succeeded", message } },
      { custom_id: "b", result: { type: "errored", error: { type: "invalid_request" } } },
    ];
    return new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join(""), {
      headers: { "content-type": "application/x-jsonl" },
    });
  }
  if (kind === "files" || kind === "batches") return undefined;
  if (kind === "videos" && more === "content") {
    return new Response(Uint8Array.of(0, 1, 2, 255), { headers: { "content-type": "video/mp4" } });
  }
  const isNew = request.method === "POST" && (id === "" || path === "/fine_tuning/jobs");
  const known = kind === "fine_tuning" ? more : id;
  const said = body.startsWith("{") ? (JSON.parse(body) as object) : {};
  return Response.json({ ...said, id: isNew ? `${kind}_1` : known, object: kind, status: "queued", data: [] });
}

beforeAll(async () => {
  upstream = startFilesUpstream("kinds");
  upstream.other = play;
  gateway = await startGateway({
    env: {
      OPENAI_API_KEY: "sk-openai-own",
      OPENAI_BASE_URL: upstream.url,
      ANTHROPIC_API_KEY: "sk-ant-own",
      ANTHROPIC_API_BASE: upstream.url.replace("/v1", ""),
    },
    config: JSON.stringify({
      model_list: [],
      finetune_settings: [{ custom_llm_provider: "openai", api_key: "os.environ/TUNING_KEY", api_base: upstream.url }],
      environment_variables: { TUNING_KEY: "sk-tuning-own" },
      general_settings: { proxy_batch_polling_interval: 1 },
    }),
  });
  admin = new ManagementClient(gateway);
  const make = async (fields: object) => (await admin.ok("POST", "/key/generate", fields)).key as string;
  mine = await make({});
  other = await make({});
  narrow = await make({ models: ["gpt-4o-mini"] });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

const client = (key: string) => new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
const statusOf = (call: Promise<unknown>) =>
  call.then(
    () => 200,
    (error: { status: number }) => error.status,
  );
const last = () => upstream.requests.at(-1);

test("vector stores, containers, evaluations, assistants and threads: passed on, and their owner's", async () => {
  const openai = client(mine);
  const store = await openai.vectorStores.create({ name: "docs" });
  expect(store).toMatchObject({ id: "vector_stores_1", name: "docs" });
  await openai.vectorStores.files.create(store.id, { file_id: "file-1" });
  expect(last()).toMatchObject({ line: "POST /v1/vector_stores/vector_stores_1/files", body: '{"file_id":"file-1"}' });
  await openai.vectorStores.search(store.id, { query: "why" });
  expect(last()?.line).toBe("POST /v1/vector_stores/vector_stores_1/search");
  expect(await statusOf(client(other).vectorStores.search(store.id, { query: "why" }))).toBe(403);
  expect((await openai.vectorStores.list()).data.map(({ id }) => id)).toEqual([store.id]);
  expect((await client(other).vectorStores.list()).data).toEqual([]);

  const container = await openai.containers.create({ name: "box" });
  expect(await statusOf(client(other).containers.retrieve(container.id))).toBe(403);
  const assistant = await openai.beta.assistants.create({ model: "gpt-4o-mini" });
  const thread = await openai.beta.threads.create({});
  await openai.beta.threads.runs.create(thread.id, { assistant_id: assistant.id });
  expect(last()?.line).toBe("POST /v1/threads/threads_1/runs");
  expect(await statusOf(client(other).beta.threads.messages.list(thread.id))).toBe(403);
  const made = await fetch(`${gateway.url}/v1/evals`, {
    method: "POST",
    headers: { authorization: `Bearer ${mine}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "e" }),
  });
  expect(made.status).toBe(200);
  expect(await statusOf(client(other).evals.retrieve("evals_1"))).toBe(403);
});

test("a model that a key may not call is not called by an assistant, a run or a job either", async () => {
  const openai = client(narrow);
  expect(await statusOf(openai.beta.assistants.create({ model: "gpt-4o" }))).toBe(403);
  expect(await statusOf(openai.fineTuning.jobs.create({ model: "gpt-4o", training_file: "file-1" }))).toBe(403);
});

test("fine-tuning jobs have a credential of their own", async () => {
  const openai = client(mine);
  const job = await openai.fineTuning.jobs.create({ model: "gpt-4o-mini-2024-07-18", training_file: "file-1" });
  expect(last()).toMatchObject({ line: "POST /v1/fine_tuning/jobs", authorization: "Bearer sk-tuning-own" });
  await openai.fineTuning.jobs.listEvents(job.id);
  expect(last()?.line).toStartWith(`GET /v1/fine_tuning/jobs/${job.id}/events`);
  expect(await statusOf(client(other).fineTuning.jobs.cancel(job.id))).toBe(403);
});

test("a video is paid by the second when it is asked for, and its bytes pass", async () => {
  const openai = client(mine);
  const { response } = await openai.videos.create({ model: "sora-2", prompt: "waves", seconds: "8" }).withResponse();
  expect(Number(response.headers.get("x-litellm-response-cost"))).toBeCloseTo(0.8, 9);
  const content = await openai.videos.downloadContent("videos_1");
  expect(new Uint8Array(await content.arrayBuffer())).toEqual(Uint8Array.of(0, 1, 2, 255));
});

test("Anthropic's batches, with Anthropic's client: paid once, their answers below our own address", async () => {
  const anthropic = new Anthropic({ apiKey: mine, baseURL: gateway.url, maxRetries: 0 });
  const params = { model: "claude-sonnet-4-5", max_tokens: 10, messages: [{ role: "user" as const, content: "Hi" }] };
  const batch = await anthropic.messages.batches.create({ requests: [{ custom_id: "a", params }] });
  expect(batch.id).toBe("msgbatch_1");
  const stranger = new Anthropic({ apiKey: other, baseURL: gateway.url, maxRetries: 0 });
  expect(await statusOf(stranger.messages.batches.retrieve(batch.id))).toBe(403);
  ended = true;
  const answers: string[] = [];
  for await (const answer of await anthropic.messages.batches.results(batch.id)) answers.push(answer.custom_id);
  expect(answers).toEqual(["a", "b"]);
  const paid = async () => {
    const rows = (await admin.ok("GET", `/spend/logs?api_key=${mine}`)) as Record<string, unknown>[];
    return rows.filter(({ call_type, spend }) => call_type === "aretrieve_batch" && Number(spend) > 0);
  };
  const rows = await eventually(async () => ((await paid()).length > 0 ? await paid() : undefined));
  // Half of (1000 × 3 + 100 × 15) millionths of a dollar.
  expect(rows.map(({ spend }) => Number(spend))).toEqual([0.00225]);
});
