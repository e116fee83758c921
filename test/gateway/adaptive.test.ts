import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, startUpstream, type Upstream } from "../support/upstream.ts";

let upstream: Upstream;
let gateway: RunningGateway;
const calls = new Map<string, number>();
const DELAYS: Readonly<Record<string, number>> = { slow: 150, plenty: 40, scarce: 10 };
const MESSAGES = [{ role: "user", content: "hello" }];

beforeAll(async () => {
  upstream = startUpstream(async (request) => {
    const name = (request.headers.get("authorization") ?? "").replace("Bearer ", "");
    calls.set(name, (calls.get(name) ?? 0) + 1);
    // Whoever has plenty left is the slower one: only its limits speak for it.
    await Bun.sleep(DELAYS[name] ?? 5);
    const left = name === "scarce" ? "2" : "99";
    return Response.json(chatAnswer(name), {
      headers: { "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": left },
    });
  });
  const deployment = (group: string, name: string): unknown => ({
    model_name: group,
    litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: name },
    model_info: { id: name },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("speed", "quick"),
        deployment("speed", "slow"),
        deployment("limits", "plenty"),
        deployment("limits", "scarce"),
        deployment("prompts", "warm-a"),
        deployment("prompts", "warm-b"),
        deployment("prompts", "warm-c"),
      ],
      router_settings: { routing_strategy: "adaptive" },
    }),
  });
});
afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});
beforeEach(() => calls.clear());

const of = (name: string): number => calls.get(name) ?? 0;

test("the quicker deployment gets nearly everything, once both were seen", async () => {
  for (let index = 0; index < 40; index++) await chat(gateway, { model: "speed", messages: MESSAGES });
  expect(of("quick")).toBeGreaterThan(30);
});

test("a provider that says that its limits are nearly used up is spared", async () => {
  for (let index = 0; index < 60; index++) await chat(gateway, { model: "limits", messages: MESSAGES });
  expect(of("plenty")).toBeGreaterThan(45);
});

test("the turns of a conversation go where its beginning is in the provider's cache", async () => {
  const system = { role: "system", content: "rules of the house. ".repeat(400) };
  for (const subject of ["rivers", "bridges", "islands"]) {
    calls.clear();
    const messages = [system, { role: "user", content: `${subject} ${system.content}` }];
    for (let turn = 0; turn < 8; turn++) {
      const response = await chat(gateway, { model: "prompts", messages });
      messages.push({ role: "assistant", content: await response.text() }, { role: "user", content: "go on" });
    }
    expect([...calls.values()]).toEqual([8]);
  }
});
