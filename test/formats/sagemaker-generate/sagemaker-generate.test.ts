import { describe, expect, test } from "bun:test";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { sagemakerGenerate } from "../../../src/formats/sagemaker-generate/index.ts";
import type { JsonObject } from "../../../src/json/json.ts";
import { recordedExchanges, requestContext, responseContext } from "../recorded-exchange.ts";

const user = (text: string): Message => ({ role: "user", parts: [{ type: "text", text }] });

const RECORDED = recordedExchanges("sagemaker");
if (RECORDED.length === 0) test.skip("SageMaker's recordings: not here", () => {});

describe("recorded", () => {
  for (const exchange of RECORDED) {
    const { inputs, parameters } = exchange.request as { inputs: string; parameters: Record<string, number> };
    const request: ConversationRequest = {
      model: "my-llama2-endpoint",
      messages: [user(inputs)],
      sampling: {
        temperature: parameters.temperature as number,
        topP: parameters.top_p as number,
        maxOutputTokens: parameters.max_new_tokens as number,
      },
    };
    test(exchange.name, () => {
      const context = requestContext("my-llama2-endpoint");
      expect(sagemakerGenerate.encodeRequest(request, context)).toEqual(exchange.request as JsonObject);
      expect(context.report.changes).toEqual([]);
      const recorded = JSON.parse(exchange.text) as { generated_text: string }[];
      const response = sagemakerGenerate.decodeResponse(
        { generations: recorded },
        { ...responseContext("my-llama2-endpoint"), request },
      );
      // The prompt that the endpoint repeats is not the model's answer.
      const answer = recorded[0]?.generated_text.slice(inputs.length) as string;
      expect(response.choices).toEqual([{ index: 0, parts: [{ type: "text", text: answer }], finish: "stop" }]);
      expect(response.usage).toBeUndefined();
    });
  }
});

// https://docs.aws.amazon.com/sagemaker/latest/dg/jumpstart-foundation-models-use.html (2026-11-24)
test("answers under other names, and several", () => {
  const text = (body: JsonObject) =>
    sagemakerGenerate
      .decodeResponse(body, responseContext())
      .choices.map(({ parts }) => (parts[0]?.type === "text" ? parts[0].text : undefined));
  expect(text({ generated_text: "a" })).toEqual(["a"]);
  expect(text({ generations: [{ generation: "a" }, { generation: { role: "assistant", content: "b" } }] })).toEqual([
    "a",
    "b",
  ]);
});

test("limits of the containers", () => {
  const context = requestContext("e");
  const request = { model: "e", messages: [user("x")], sampling: { temperature: 0, maxOutputTokens: 0, n: 2 } };
  expect(sagemakerGenerate.encodeRequest(request, context).parameters).toEqual({
    temperature: 0.01,
    max_new_tokens: 1,
    best_of: 2,
    do_sample: true,
  });
});

// https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html (2026-11-24)
describe("errors", () => {
  const failure = (status: number, body: JsonObject) =>
    sagemakerGenerate.decodeError(status, JSON.stringify(body), new Headers());

  test("the container's own error is the error", () => {
    const original = {
      error: "Input validation error: `inputs` must have less than 1024 tokens",
      error_type: "validation",
    };
    expect(
      failure(424, {
        Code: "ModelError",
        Message: "Received client error (422) from model",
        OriginalStatusCode: 422,
        OriginalMessage: JSON.stringify(original),
      }),
    ).toMatchObject({ code: "context_window_exceeded", message: original.error, upstreamStatus: 422 });
    expect(failure(424, { OriginalStatusCode: 500, OriginalMessage: "oops" })).toMatchObject({
      code: "internal",
      message: "oops",
      upstreamStatus: 500,
    });
  });

  test("SageMaker's", () => {
    expect(failure(400, { message: "Endpoint x not found." })).toMatchObject({
      code: "invalid_request",
      message: "Endpoint x not found.",
    });
    expect(failure(503, { Message: "Service unavailable" }).code).toBe("service_unavailable");
  });
});
