import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI, { BadRequestError, NotFoundError, PermissionDeniedError } from "openai";
import { CALLS, CITY } from "./samples.ts";
import { type ScriptedProviders, startProviders } from "./scripted-providers.ts";

let providers: ScriptedProviders;
let client: OpenAI;

beforeAll(async () => {
  providers = await startProviders();
  client = new OpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: providers.gateway.key, maxRetries: 0 });
});

afterAll(() => providers.stop());

const create = async (
  streamed: boolean,
  body: OpenAI.Responses.ResponseCreateParamsNonStreaming,
): Promise<OpenAI.Responses.Response> => {
  const { stream: _, ...rest } = body;
  if (!streamed) return client.responses.create(rest);
  return client.responses
    .stream(rest as OpenAI.Responses.ResponseCreateParamsNonStreaming & { stream: true })
    .finalResponse();
};

describe.each(["claude", "gemini", "bedrock"])("answers of %s, whose provider keeps none", (model) => {
  test.each([false, true])("are found, listed, gone on from and deleted, streamed: %p", async (streamed) => {
    providers.script({ text: "Oslo is cold." }, { text: "Rome is warm." }, { text: "Both." });
    const first = await create(streamed, { model, input: "And Oslo?", instructions: "Be short." });
    expect(first.id).toMatch(/^resp_[\w-]+$/);
    const second = await create(streamed, { model, input: "And Rome?", previous_response_id: first.id });
    expect(second.previous_response_id).toBe(first.id);
    // Another provider goes on from there.
    const third = await create(streamed, { model: "gpt", input: "Which?", previous_response_id: second.id });
    expect(third.output_text).toBe("Both.");
    const sent = JSON.stringify(providers.bodies()[2]);
    const order = ["And Oslo?", "Oslo is cold.", "And Rome?", "Rome is warm.", "Which?"].map((text) =>
      sent.indexOf(text),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(Math.min(...order)).toBeGreaterThan(0);
    expect(sent).not.toContain("Be short.");
    expect(sent).not.toContain("previous_response_id");

    expect(await client.responses.retrieve(second.id)).toMatchObject({
      id: second.id,
      output: second.output.map(({ id }) => ({ id })),
    });
    const items = await client.responses.inputItems.list(second.id);
    expect(items.data).toMatchObject([{ type: "message", role: "user", content: [{ text: "And Rome?" }] }]);
    await client.responses.delete(second.id);
    expect(await client.responses.retrieve(second.id).catch((error: unknown) => error)).toBeInstanceOf(NotFoundError);
    const broken = create(streamed, { model, input: "Again?", previous_response_id: second.id });
    expect(await broken.catch((error: unknown) => error)).toBeInstanceOf(BadRequestError);
    expect(await client.responses.cancel(first.id).catch((error: unknown) => error)).toBeInstanceOf(BadRequestError);
  });

  test("references to items stand for them", async () => {
    const signature = "c2lnbmVkIGJ5IHRoZSBvd25lcg==";
    const calls = CALLS.map((call, index) => (model === "gemini" && index === 0 ? { ...call, signature } : call));
    providers.script({ thinking: { text: "Which?", signature }, text: "Looking.", calls }, { text: "Cold." });
    const tools: OpenAI.Responses.FunctionTool[] = [
      { type: "function", name: "weather", parameters: CITY, strict: false },
    ];
    const reasoning = { effort: "low" as const };
    const turn = await create(false, { model, input: "Weather?", tools, reasoning, max_output_tokens: 8192 });
    const answer = await create(false, {
      model,
      tools,
      reasoning,
      max_output_tokens: 8192,
      input: [
        { role: "user", content: "Weather?" },
        ...turn.output.map(({ id }) => ({ type: "item_reference" as const, id: id ?? "" })),
        ...CALLS.map(({ id }, index) => ({
          type: "function_call_output" as const,
          call_id: turn.output.flatMap((item) => (item.type === "function_call" ? [item.call_id] : []))[index] ?? id,
          output: "4 °C",
        })),
      ],
    });
    expect(answer.output_text).toBe("Cold.");
    const sent = JSON.stringify(providers.bodies()[1]);
    for (const kept of ["Looking.", "Oslo", "Rome", "4 °C", signature]) expect(sent).toContain(kept);
  });

  test("nothing is kept that the client does not want kept", async () => {
    providers.script({ text: "Gone." });
    const answer = await create(false, { model, input: "Hi", store: false });
    const error = await client.responses.retrieve(answer.id).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(NotFoundError);
  });
});

describe("answers that OpenAI keeps", () => {
  test.each([false, true])("are asked of it under its own ids, streamed: %p", async (streamed) => {
    providers.script({ text: "Oslo." }, { text: "Rome." });
    const first = await create(streamed, { model: "responses", input: "Hi" });
    expect(first.id).not.toBe("resp_1");
    const second = await create(streamed, { model: "responses", input: "On", previous_response_id: first.id });
    expect(second.previous_response_id ?? first.id).toBe(first.id);
    expect(providers.bodies()[1]).toMatchObject({ previous_response_id: "resp_1", input: "On" });

    providers.keep((request) => {
      const { method, path } = request;
      if (method === "DELETE") return Response.json({ id: "resp_1", object: "response", deleted: true });
      if (path.includes("/input_items")) {
        return Response.json({
          object: "list",
          data: [{ id: "msg_9", type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }],
          has_more: false,
        });
      }
      const output = [
        { id: "msg_1", type: "message", role: "assistant", content: [{ type: "output_text", text: "Oslo." }] },
      ];
      return Response.json({
        id: "resp_1",
        object: "response",
        status: path.endsWith("/cancel") ? "cancelled" : "completed",
        output,
      });
    });
    expect(await client.responses.retrieve(first.id)).toMatchObject({ id: first.id, status: "completed" });
    expect(await client.responses.cancel(first.id)).toMatchObject({ id: first.id, status: "cancelled" });
    expect((await client.responses.inputItems.list(first.id)).data.length).toBe(1);

    // Another provider goes on: what was said is fetched.
    providers.script({ text: "Both." });
    const third = await create(streamed, { model: "claude", input: "Which?", previous_response_id: first.id });
    expect(third.output_text).toBe("Both.");
    const sent = JSON.stringify(providers.bodies().at(-1));
    for (const said of ["Hi", "Oslo.", "Which?"]) expect(sent).toContain(said);
    await client.responses.delete(first.id);
  });
});

test("ids of elsewhere and ids of others are refused", async () => {
  const error = await client.responses.retrieve("resp_abc").catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(BadRequestError);
  providers.script({ text: "Mine." });
  const mine = await create(false, { model: "claude", input: "Hi" });
  const made = await fetch(`${providers.gateway.url}/key/generate`, {
    method: "POST",
    headers: { authorization: `Bearer ${providers.gateway.key}`, "content-type": "application/json" },
    body: JSON.stringify({}),
  });
  const text = await made.text();
  const { key } = JSON.parse(text) as { key: string };
  const other = new OpenAI({ baseURL: `${providers.gateway.url}/v1`, apiKey: key, maxRetries: 0 });
  const refused = await other.responses.retrieve(mine.id).catch((cause: unknown) => cause);
  expect(refused).toBeInstanceOf(PermissionDeniedError);
});
