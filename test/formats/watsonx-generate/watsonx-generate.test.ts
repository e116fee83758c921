import { describe, expect, test } from "bun:test";
import { assemble } from "../../../src/formats/assemble.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { watsonxGenerate } from "../../../src/formats/watsonx-generate/index.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import {
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });

function encode(request: Partial<ConversationRequest>, model = "google/flan-ul2") {
  const context = requestContext(model);
  const body = watsonxGenerate.encodeRequest({ model, messages: [user("Hi")], sampling: {}, ...request }, context);
  return { body, changes: context.report.changes };
}

const RECORDED = recordedExchanges("watsonx", /^generation-/);
if (RECORDED.length === 0) test.skip("watsonx's recordings: not here", () => {});

describe("recorded", () => {
  for (const exchange of RECORDED) {
    test(exchange.name, () => {
      const { input, project_id, model_id } = exchange.request as Record<string, string>;
      const { body } = encode(
        {
          messages: [user(input as string)],
          extensions: { format: "openai-chat", fields: { project_id: project_id as string } },
        },
        model_id,
      );
      expect(body).toEqual({ ...(exchange.request as JsonObject), parameters: {} });
      const response = watsonxGenerate.decodeResponse(exchange.body as JsonObject, responseContext());
      const [result] = (exchange.body as { results: JsonObject[] }).results;
      expect(response).toEqual({
        created: Math.floor(Date.parse(exchange.body?.created_at as string) / 1000),
        model: model_id as string,
        choices: [
          {
            index: 0,
            parts: [{ type: "text", text: result?.generated_text as string }],
            finish: "stop",
            rawFinish: result?.stop_reason as string,
          },
        ],
        usage: {
          buckets: { input: result?.input_token_count as number, output: result?.generated_token_count as number },
        },
      });
    });
  }
});

// https://cloud.ibm.com/apidocs/watsonx-ai#text-generation (2026-11-24)
describe("requests", () => {
  test("parameters have watsonx's names", () => {
    const { body } = encode({
      sampling: { temperature: 0.5, topP: 0.9, topK: 5, maxOutputTokens: 9, seed: 1, stop: ["E"] },
    });
    expect(body.parameters).toEqual({
      decoding_method: "sample",
      temperature: 0.5,
      top_p: 0.9,
      top_k: 5,
      max_new_tokens: 9,
      random_seed: 1,
      stop_sequences: ["E"],
    });
  });

  test("a temperature of 0 is greedy decoding", () => {
    expect(encode({ sampling: { temperature: 0, topP: 0.5 } }).body.parameters).toEqual({ decoding_method: "greedy" });
  });

  test("the conversation has the family's template", () => {
    expect(encode({}, "meta-llama/llama-3-3-70b-instruct").body.input).toContain("<|start_header_id|>user");
  });

  test("tools are reported as impossible", () => {
    expect(encode({ tools: [{ type: "function", name: "f" }] }).changes).toMatchObject([
      { parameter: "tools", unsupported: true },
    ]);
  });
});

const event = (result: JsonObject): string =>
  `id: 1\nevent: message\ndata: ${JSON.stringify({ model_id: "m", created_at: "2024-02-28T08:16:49.731Z", results: [result] })}\n\n`;

/** As described on the same page: the prompt's count first, then running counts, no mark of the end. */
const STREAM =
  event({ generated_text: "", generated_token_count: 0, input_token_count: 7, stop_reason: "not_finished" }) +
  event({ generated_text: "Grü", generated_token_count: 1, input_token_count: 0, stop_reason: "not_finished" }) +
  event({ generated_text: "ße 🙂", generated_token_count: 3, input_token_count: 0, stop_reason: "max_tokens" });

describe("streams", () => {
  const decode = () => watsonxGenerate.createStreamDecoder(responseContext());

  test("cut at every byte, say what the whole answer says", () => {
    const whole = eventsOf(STREAM, new SseFramer(), decode());
    expect(brokenStreamRules(whole)).toEqual([]);
    const result = {
      generated_text: "Grüße 🙂",
      generated_token_count: 3,
      input_token_count: 7,
      stop_reason: "max_tokens",
    };
    const body = { model_id: "m", created_at: "2024-02-28T08:16:49.731Z", results: [result] };
    expect(assemble(whole)).toEqual(watsonxGenerate.decodeResponse(body, responseContext()));
    expect(assemble(whole).choices[0]?.finish).toBe("length");
    forEveryCut(
      STREAM,
      () => new SseFramer(),
      decode,
      (events) => expect(events).toEqual(whole),
    );
  });

  test("that break off or fail are errors", () => {
    const cut = STREAM.slice(0, STREAM.indexOf("\n\n") + 2);
    expect(eventsOf(cut, new SseFramer(), decode()).at(-1)).toMatchObject({ error: { code: "api_connection" } });
    const error = 'event: error\ndata: {"errors":[{"code":"internal","message":"broken"}],"status_code":500}\n\n';
    expect(eventsOf(error, new SseFramer(), decode())).toMatchObject([
      { type: "error", error: { code: "internal", message: "broken" } },
    ]);
  });
});

test("errors", () => {
  const failure = (status: number, code: string, message: string) =>
    watsonxGenerate.decodeError(
      status,
      JSON.stringify({ errors: [{ code, message }], status_code: status }),
      new Headers(),
    );
  expect(failure(404, "model_not_supported", "Model 'x' is not supported")).toMatchObject({
    code: "not_found",
    message: "Model 'x' is not supported",
    upstreamCode: "model_not_supported",
  });
  expect(failure(403, "token_quota_reached", "quota").code).toBe("rate_limit");
  expect(failure(401, "authentication_token_expired", "expired").code).toBe("authentication");
  expect(failure(400, "invalid_input", "the number of input tokens exceeds the maximum").code).toBe(
    "context_window_exceeded",
  );
  expect(failure(424, "x", "y").code).toBe("invalid_request");
});
