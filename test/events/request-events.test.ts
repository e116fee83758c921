import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { CLIENT_FORMATS, type ClientFormat, post } from "../support/client-formats.ts";
import { eventually } from "../support/eventually.ts";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

/** Every kind of event is told by real requests, as the log shows them at its finest. */
let upstream: Upstream;
let gateway: RunningGateway;
let read = 0;

beforeAll(async () => {
  upstream = startUpstream(({ json }) => {
    if (json?.model !== "good") return Response.json({ error: { message: "broken" } }, { status: 503 });
    return json?.stream === true ? chatStream(["good"]) : Response.json(chatAnswer("good"));
  });
  const deployment = (name: string): unknown => ({
    model_name: name,
    litellm_params: {
      model: `openai/${name}`,
      api_base: `${upstream.url}/v1`,
      api_key: "k",
      use_chat_completions_api: true,
      input_cost_per_token: 1e-6,
      output_cost_per_token: 1e-6,
    },
    model_info: { id: `id-${name}` },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: ["good", "broken", "alone"].map(deployment),
      router_settings: { num_retries: 0, allowed_fails: 0, cooldown_time: 60, fallbacks: [{ broken: ["good"] }] },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => {
  read = gateway.output().length;
});

const KINDS = "started|attempt-failed|cooled-down|fell-back|succeeded|failed|settled";

/** The events since the test began, once the request is settled. */
async function told(): Promise<readonly { readonly kind: string; readonly fields: string }[]> {
  return eventually(() => {
    const lines = gateway.output().slice(read).split("\n");
    const events = lines.flatMap((line) => {
      const [, kind, fields] = new RegExp(`^\\S+ DEBUG (${KINDS}) (.*)$`).exec(line) ?? [];
      return kind === undefined || fields === undefined ? [] : [{ kind, fields }];
    });
    return events.some(({ kind }) => kind === "settled") ? events : undefined;
  });
}

const formats: [string, ClientFormat, boolean][] = Object.entries(CLIENT_FORMATS)
  .filter(([format]) => format !== "completions")
  .flatMap(([format, call]): [string, ClientFormat, boolean][] => [
    [`${format}, whole`, call, false],
    [`${format}, streamed`, call, true],
  ]);

test.each(formats)("%s: a request that succeeds", async (_, call, stream) => {
  await (await post(gateway, call("good", stream))).text();
  const events = await told();
  expect(events.map(({ kind }) => kind)).toEqual(["started", "succeeded", "settled"]);
  const ids = new Set(events.map(({ fields }) => /id="([^"]+)"/.exec(fields)?.[1]));
  expect(ids.size).toBe(1);
  expect(events[1]?.fields).toContain('deploymentId="id-good"');
  expect(events[2]?.fields).toMatch(/status="success" httpStatus=200 cost="[1-9]\d*"/);
});

test("a failure, the cool-down that follows, and the fallback", async () => {
  const response = await chat(gateway, { model: "broken", messages: [{ role: "user", content: "hi" }] });
  expect(await response.text()).toContain("good");
  const events = await told();
  const kinds = events.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind !== "cooled-down")).toEqual([
    "started",
    "attempt-failed",
    "fell-back",
    "succeeded",
    "settled",
  ]);
  expect(kinds).toContain("cooled-down");
  const of = (kind: string): string => events.find((event) => event.kind === kind)?.fields ?? "";
  expect(of("attempt-failed")).toMatch(/deploymentId="id-broken".*errorCode="[a-z_]+" httpStatus=503/);
  expect(of("cooled-down")).toMatch(/until=\d{13} deploymentId="id-broken"/);
  expect(of("fell-back")).toMatch(/from="broken" to="good"/);
  expect(of("succeeded")).toMatch(/group="good".*fallbacks=1/);
});

test("a request that fails", async () => {
  const refused = await chat(gateway, { model: "alone", messages: [{ role: "user", content: "hi" }] });
  expect(refused.status).toBe(503);
  const events = await told();
  expect(events.map(({ kind }) => kind).filter((kind) => kind !== "cooled-down")).toEqual([
    "started",
    "attempt-failed",
    "failed",
    "settled",
  ]);
  expect(events.find(({ kind }) => kind === "failed")?.fields).toMatch(/errorCode="[a-z_]+" httpStatus=503/);
});

test("a request whose client leaves", async () => {
  const leaving = new AbortController();
  const usual = upstream.handler;
  upstream.handler = (_, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(Response.json({}))));
  const before = upstream.requests.length;
  const call = post(gateway, (CLIENT_FORMATS.chat as ClientFormat)("good", false), leaving.signal).catch(() => "left");
  await eventually(() => upstream.requests.length > before);
  leaving.abort();
  expect(await call).toBe("left");
  const events = await told();
  upstream.handler = usual;
  expect(events.map(({ kind }) => kind)).toEqual(["started", "failed", "settled"]);
  expect(events[1]?.fields).toContain("httpStatus=499");
});

test("what each subscriber got and lost is shown to who asks for details", async () => {
  const response = await fetch(`${gateway.url}/health/readiness/details`, {
    headers: { authorization: `Bearer ${gateway.key}` },
  });
  const { events } = (await response.json()) as { events: unknown };
  expect(events).toEqual([
    { name: "log", delivered: expect.any(Number), waiting: expect.any(Number), dropped: {}, failedBatches: 0 },
  ]);
});
