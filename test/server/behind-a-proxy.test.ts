import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;

const CLIENT = "203.0.113.9";

beforeAll(async () => {
  upstream = startUpstream(() => Response.json(chatAnswer("fine")));
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        {
          model_name: "m",
          litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: "k" },
        },
      ],
      general_settings: {
        allowed_ips: [CLIENT, "198.51.100.0/24"],
        public_routes: ["/v1/models"],
        admin_only_routes: ["/v1/embeddings"],
        allowed_routes: [
          "llm_api_routes",
          "management_routes",
          "spend_tracking_routes",
          "/get/*",
          "/add/*",
          "/delete/*",
        ],
      },
    }),
    env: { ISTHMUS_TRUSTED_PROXIES: "127.0.0.0/8, ::1", SERVER_ROOT_PATH: "/llm/" },
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

function call(path: string, options: { from?: string; key?: string; body?: object; headers?: object } = {}) {
  return fetch(`${gateway.url}${path}`, {
    headers: {
      ...(options.key === "" ? {} : { authorization: `Bearer ${options.key ?? gateway.key}` }),
      "x-forwarded-for": options.from ?? CLIENT,
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { method: "POST", body: JSON.stringify(options.body) }),
  });
}
const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };

test("only addresses that are allowed may call, and the row says from where", async () => {
  const answer = await call("/v1/chat/completions", { body: chat });
  expect(answer.status).toBe(200);
  const refused = await call("/v1/chat/completions", { body: chat, from: `${CLIENT}, 192.0.2.1` });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toEqual({ detail: "Access forbidden: IP address 192.0.2.1 not allowed." });
  expect((await call("/health/liveliness", { from: "192.0.2.1" })).status).toBe(200);
  const id = answer.headers.get("x-litellm-call-id");
  const row = await eventually(async () => {
    const rows = await (await call(`/spend/logs?request_id=${id}`)).json();
    return (rows as { requester_ip_address: string }[])[0];
  });
  expect(row.requester_ip_address).toBe(CLIENT);
});

test("addresses are added and removed through the API; those of the file stay", async () => {
  const from = "192.0.2.1";
  const models = () => call("/v1/chat/completions", { body: chat, from });
  expect((await call("/add/allowed_ip", { body: { ip: "ten" } })).status).toBe(422);
  expect((await call("/add/allowed_ip", { body: { ip: from } })).status).toBe(200);
  expect((await call("/add/allowed_ip", { body: { ip: from } })).status).toBe(400);
  expect(await (await call("/get/allowed_ips")).json()).toEqual({ data: [CLIENT, "198.51.100.0/24", from] });
  expect((await models()).status).toBe(200);
  expect((await call("/delete/allowed_ip", { body: { ip: from } })).status).toBe(200);
  expect((await models()).status).toBe(403);
  expect((await call("/delete/allowed_ip", { body: { ip: CLIENT } })).status).toBe(400);
  expect((await call("/delete/allowed_ip", { body: { ip: from } })).status).toBe(404);
});

test("routes for everybody, for administrators, for nobody", async () => {
  expect((await call("/v1/models", { key: "" })).status).toBe(200);
  expect((await call("/v1/chat/completions", { key: "", body: chat })).status).toBe(401);
  const { key } = (await (await call("/key/generate", { body: {} })).json()) as { key: string };
  const embeddings = await call("/v1/embeddings", { key, body: { model: "m", input: "x" } });
  expect(embeddings.status).toBe(403);
  expect(JSON.stringify(await embeddings.json())).toContain("admin only route");
  expect((await call("/model_group/info")).status).toBe(200);
  const closed = await call("/global/spend");
  expect(closed.status).toBe(403);
  expect(await closed.json()).toEqual({ detail: "Access forbidden: Route /global/spend not allowed" });
});

test("everything is under the root path, also where the proxy takes it away", async () => {
  for (const prefix of ["/llm", ""]) {
    expect((await call(`${prefix}/v1/chat/completions`, { body: chat })).status).toBe(200);
    const page = await (await call(`${prefix}/`, { key: "" })).text();
    const script = /src="(\/llm\/swagger\/swagger-ui-bundle.js)"/.exec(page)?.[1];
    expect((await call(script ?? "/none", { key: "" })).status).toBe(200);
    expect(page).toContain('data-document="/llm/openapi.json"');
  }
  expect((await call("/llmx/v1/models")).status).toBe(404);
  const forwarded = { "x-forwarded-proto": "https", "x-forwarded-host": "api.example.com" };
  const document = await (await call("/llm/openapi.json", { headers: forwarded })).json();
  expect((document as { servers: unknown }).servers).toEqual([{ url: "https://api.example.com/llm" }]);
});
