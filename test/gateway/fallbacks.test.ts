import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chat, type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatAnswer, chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

/** What each deployment does is said by the key that the gateway sends it. */
type Behaviour = (stream: boolean) => Response;

let upstream: Upstream;
let gateway: RunningGateway;
const behaviours = new Map<string, Behaviour>();
const calls = new Map<string, number>();

const answer =
  (content: string): Behaviour =>
  (stream) =>
    stream ? chatStream([content]) : Response.json(chatAnswer(content));
const refuse =
  (status: number, body: unknown, headers: Record<string, string> = {}): Behaviour =>
  () =>
    Response.json({ error: body }, { status, headers });
const broken = refuse(500, { message: "broken", type: "server_error" });

beforeAll(async () => {
  upstream = startUpstream((request) => {
    const name = (request.headers.get("authorization") ?? "").replace("Bearer key-", "");
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return (behaviours.get(name) ?? answer(name))(request.json?.stream === true);
  });
  const deployment = (group: string, name: string, params: Record<string, unknown> = {}): unknown => ({
    model_name: group,
    litellm_params: { model: "openai/gpt-4o-mini", api_base: `${upstream.url}/v1`, api_key: `key-${name}`, ...params },
    model_info: { id: name },
  });
  gateway = await startGateway({
    config: JSON.stringify({
      model_list: [
        deployment("first", "first-a"),
        deployment("second", "second-a"),
        deployment("third", "third-a"),
        deployment("long", "long-a"),
        deployment("safe", "safe-a"),
        deployment("pair", "pair-a"),
        deployment("pair", "pair-b"),
        deployment("lonely", "lonely-a", { num_retries: 0 }),
      ],
      router_settings: {
        num_retries: 0,
        disable_cooldowns: true,
        fallbacks: [{ first: ["second", "third"] }, { second: ["third"] }, { pair: ["third"] }],
        context_window_fallbacks: [{ first: ["long"] }],
        content_policy_fallbacks: [{ first: ["safe"] }],
        model_group_retry_policy: { pair: { InternalServerErrorRetries: 3 } },
        model_group_alias: { "first-alias": "first" },
      },
      general_settings: { dangerously_allow_mock_testing_request_params: true, expose_fallback_errors_to_caller: true },
    }),
  });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
});

function with_(states: Record<string, Behaviour>): void {
  behaviours.clear();
  calls.clear();
  for (const [name, behaviour] of Object.entries(states)) behaviours.set(name, behaviour);
}

const MESSAGES = [{ role: "user", content: "hello" }];
const TOO_LONG = refuse(400, {
  message: "This model's maximum context length is 8 tokens",
  type: "invalid_request_error",
  code: "context_length_exceeded",
});
const FORBIDDEN = refuse(400, { message: "policy", type: "invalid_request_error", code: "content_policy_violation" });

async function content(response: Response): Promise<string | undefined> {
  const body = (await response.json()) as { choices?: { message: { content: string } }[] };
  return body.choices?.[0]?.message.content;
}

describe("fallbacks", () => {
  test("the first group that answers is the answer, and the headers say how it came to that", async () => {
    with_({ "first-a": broken, "second-a": broken });
    const response = await chat(gateway, { model: "first", messages: MESSAGES });
    expect(response.status).toBe(200);
    expect(response.headers.get("x-litellm-attempted-fallbacks")).toBe("2");
    expect(response.headers.get("x-litellm-max-fallbacks")).toBe("5");
    expect(response.headers.get("x-litellm-attempted-retries")).toBe("0");
    expect(response.headers.get("x-litellm-model-group")).toBe("third");
    expect(response.headers.get("x-litellm-model-id")).toBe("third-a");
    expect(await content(response)).toBe("third-a");
  });

  test("an answer from a fallback names the model that wrote it", async () => {
    with_({ "first-a": broken });
    const fell = (await (await chat(gateway, { model: "first", messages: MESSAGES })).json()) as { model: string };
    expect(fell.model).toBe("upstream-model-2026");
    with_({});
    const own = (await (await chat(gateway, { model: "first", messages: MESSAGES })).json()) as { model: string };
    expect(own.model).toBe("first");
  });

  test("a stream falls back while nothing was shown, whole words and errors inside it included", async () => {
    with_({
      "first-a": () => chatStream([], { tail: 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n' }),
    });
    const response = await chat(gateway, { model: "first", messages: MESSAGES, stream: true });
    const text = await response.text();
    expect(response.headers.get("x-litellm-attempted-fallbacks")).toBe("1");
    expect(text).toContain("second-a");
    expect(text).toContain('"model":"second"');
    expect(text).not.toContain("overloaded");
  });

  test("when all fail the client gets the first group's error and which groups were tried", async () => {
    with_({ "first-a": refuse(503, { message: "first is down" }), "second-a": broken, "third-a": broken });
    const response = await chat(gateway, { model: "first", messages: MESSAGES });
    expect(response.status).toBe(503);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toContain("first is down");
    expect(error.message).toContain(
      "model group 'first' failed with the error above. Fallback to second, third also failed: litellm.InternalServerError",
    );
  });

  test("a group without an entry says for which there are some", async () => {
    with_({ "lonely-a": broken });
    const { error } = (await (await chat(gateway, { model: "lonely", messages: MESSAGES })).json()) as {
      error: { message: string };
    };
    expect(error.message).toContain("Fallbacks are configured for: first, second, pair.");
  });

  test("a prompt that is too long and one that a policy forbids have lists of their own", async () => {
    with_({ "first-a": TOO_LONG });
    expect(await content(await chat(gateway, { model: "first", messages: MESSAGES }))).toBe("long-a");
    expect(calls.get("second-a")).toBeUndefined();
    with_({ "first-a": FORBIDDEN });
    expect(await content(await chat(gateway, { model: "first-alias", messages: MESSAGES }))).toBe("safe-a");
    with_({ "second-a": TOO_LONG });
    const none = await chat(gateway, { model: "second", messages: MESSAGES });
    expect(none.status).toBe(400);
    expect(calls.get("third-a")).toBeUndefined();
  });

  test("the caller's own fallbacks go first, may replace messages, and can be switched off", async () => {
    with_({ "first-a": broken });
    const named = await chat(gateway, { model: "first", messages: MESSAGES, fallbacks: ["third"] });
    expect(await content(named)).toBe("third-a");
    const replaced = await chat(gateway, {
      model: "first",
      messages: MESSAGES,
      fallbacks: [{ model: "third", messages: [{ role: "user", content: "other words" }] }],
    });
    expect(await content(replaced)).toBe("third-a");
    expect(upstream.requests.at(-1)?.text).toContain("other words");
    expect(upstream.requests.at(-1)?.json).not.toHaveProperty("fallbacks");
    const off = await chat(gateway, { model: "first", messages: MESSAGES, disable_fallbacks: true });
    expect(off.status).toBe(500);
  });

  test("credentials in a fallback are refused, and so is a list that is none", async () => {
    with_({});
    const stolen = await chat(gateway, {
      model: "first",
      messages: MESSAGES,
      fallbacks: [{ model: "second", api_base: "http://127.0.0.1:1" }],
    });
    expect(stolen.status).toBe(401);
    const wrong = await chat(gateway, { model: "first", messages: MESSAGES, fallbacks: "second" });
    expect(wrong.status).toBe(400);
    expect(await wrong.text()).toContain("'fallbacks' must be a list");
  });

  test("Anthropic's and OpenAI's other clients fall back as well", async () => {
    with_({ "first-a": broken });
    const post = (path: string, body: unknown): Promise<Response> =>
      fetch(`${gateway.url}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    const bodies: [string, unknown][] = [
      ["/v1/messages", { model: "first", max_tokens: 10, messages: MESSAGES }],
      ["/v1/messages", { model: "first", max_tokens: 10, messages: MESSAGES, stream: true }],
      ["/v1/completions", { model: "first", prompt: "hello" }],
      ["/v1beta/models/first:generateContent", { contents: [{ role: "user", parts: [{ text: "hello" }] }] }],
    ];
    for (const [path, body] of bodies) {
      const response = await post(path, body);
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("x-litellm-attempted-fallbacks")).toBe("1");
      expect(await response.text()).toContain("second-a");
    }
  });

  test("a caller may try out its fallbacks where the configuration allows it", async () => {
    with_({});
    for (const [field, served] of [
      ["mock_testing_fallbacks", "second-a"],
      ["mock_testing_context_fallbacks", "long-a"],
      ["mock_testing_content_policy_fallbacks", "safe-a"],
    ] as const) {
      const response = await chat(gateway, { model: "first", messages: MESSAGES, [field]: true });
      expect(await content(response)).toBe(served);
      expect(calls.get("first-a")).toBeUndefined();
    }
    const alone = await chat(gateway, { model: "lonely", messages: MESSAGES, mock_testing_fallbacks: true });
    expect(alone.status).toBe(500);
    expect(await alone.text()).toContain("This is a mock exception for model=lonely, to trigger a fallback.");
  });
});

describe("retries", () => {
  test("go to the other deployment at once, and the group's policy bounds them", async () => {
    with_({ "pair-a": broken });
    for (let round = 0; round < 10; round++) {
      const response = await chat(gateway, { model: "pair", messages: MESSAGES });
      expect(await content(response)).toBe("pair-b");
    }
    with_({ "pair-a": broken, "pair-b": broken });
    const response = await chat(gateway, { model: "pair", messages: MESSAGES });
    expect(await content(response)).toBe("third-a");
    expect((calls.get("pair-a") ?? 0) + (calls.get("pair-b") ?? 0)).toBe(4);
  });
});

test("a pretended rate limit is the first attempt's: a retry follows, or the fallback", async () => {
  const retried = await chat(gateway, {
    model: "first",
    messages: MESSAGES,
    mock_testing_rate_limit_error: true,
    num_retries: 1,
  });
  expect([retried.headers.get("x-litellm-model-id"), retried.headers.get("x-litellm-attempted-retries")]).toEqual([
    "first-a",
    "1",
  ]);
  const fell = await chat(gateway, { model: "first", messages: MESSAGES, mock_testing_rate_limit_error: true });
  expect(fell.headers.get("x-litellm-model-id")).toBe("second-a");
  const alone = await chat(gateway, { model: "lonely", messages: MESSAGES, mock_testing_rate_limit_error: true });
  expect([alone.status, await alone.text()]).toEqual([429, expect.stringContaining("to trigger a rate limit error.")]);
});

test("who asks for it sees why the groups before the answering one were left, where the operator allows it", async () => {
  behaviours.set("first-a", refuse(500, { message: "brøken", type: "server_error" }));
  const shown = await chat(gateway, { model: "first", messages: MESSAGES, include_fallback_errors: true });
  expect(JSON.parse(shown.headers.get("x-litellm-fallback-errors") ?? "")).toEqual([
    { message: expect.stringContaining("brøken"), type: expect.any(String), param: null, code: "500" },
  ]);
  expect(upstream.requests.at(-1)?.json).not.toHaveProperty("include_fallback_errors");
  const silent = await chat(gateway, { model: "first", messages: MESSAGES });
  expect(silent.headers.has("x-litellm-fallback-errors")).toBe(false);
  behaviours.clear();
});
