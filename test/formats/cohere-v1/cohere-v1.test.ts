import { describe, expect, test } from "bun:test";
import { assemble } from "../../../src/formats/assemble.ts";
import { cohereV1 } from "../../../src/formats/cohere-v1/index.ts";
import type { ConversationRequest, Message } from "../../../src/formats/conversation.ts";
import { asArray, asObject, type JsonObject } from "../../../src/json/json.ts";
import { NdjsonFramer } from "../../../src/upstream/sse.ts";
import {
  brokenStreamRules,
  eventsOf,
  forEveryCut,
  recordedExchanges,
  requestContext,
  responseContext,
} from "../recorded-exchange.ts";

const EXCHANGES = recordedExchanges("cohere", /^v1-chat-/);
if (EXCHANGES.length === 0) test.skip("Cohere's recordings: not here", () => {});

const ROLES: Record<string, Message["role"]> = {
  USER: "user",
  CHATBOT: "assistant",
  SYSTEM: "system",
  System: "system",
};

describe("recorded", () => {
  for (const exchange of EXCHANGES.filter((one) => one.status === 200)) {
    test(exchange.name, () => {
      const body = exchange.body as JsonObject;
      const response = cohereV1.decodeResponse(body, responseContext());
      const [part] = response.choices[0]?.parts ?? [];
      if (part?.type !== "text") throw new Error("no text");
      expect(part.text).toBe(body.text as string);
      const documents = new Map(asArray(body.documents).map((one) => [asObject(one)?.id, asObject(one)?.url]));
      const cited = asArray(body.citations).flatMap((one) =>
        asArray(asObject(one)?.document_ids).map((id) => [asObject(one)?.text, documents.get(id as string)]),
      );
      const made = (part.citations ?? []).map((citation) => [
        part.text.slice(citation.start, citation.end),
        citation.url,
      ]);
      expect(made).toEqual(cited as never);
      const seen = asObject(asObject(body.meta)?.tokens) ?? {
        input_tokens: asObject(body.token_count)?.prompt_tokens,
        output_tokens: asObject(body.token_count)?.response_tokens,
      };
      expect(response.usage?.buckets).toEqual({ input: seen.input_tokens, output: seen.output_tokens } as never);
    });
  }

  for (const exchange of EXCHANGES) {
    test(`${exchange.name}: the request`, () => {
      const { message, chat_history: history, stream, model, ...rest } = exchange.request as JsonObject;
      const turns = asArray(history).map((turn): Message => {
        const { role, message: text } = turn as { role: string; message: string };
        return { role: ROLES[role] as Message["role"], parts: [{ type: "text", text }] };
      });
      const { stop_sequences: stop, ...fields } = rest;
      const request: ConversationRequest = {
        model: String(model),
        messages: [...turns, { role: "user", parts: [{ type: "text", text: message as string }] }],
        sampling: stop === undefined ? {} : { stop: stop as string[] },
        ...(stream === undefined ? {} : { stream: stream === true }),
        extensions: { format: "openai-chat", fields },
      };
      const body = cohereV1.encodeRequest(request, requestContext(String(model)));
      const { chat_history: made = [], preamble, message: asked, ...others } = body;
      const leading = turns.findIndex((turn) => turn.role !== "system");
      // What stands before the first turn is the preamble; the recording may call it history.
      expect(preamble ?? "").toBe(
        turns
          .slice(0, leading < 0 ? turns.length : leading)
          .map(textIn)
          .join("\n\n"),
      );
      expect(made).toEqual(asArray(history).slice(leading < 0 ? turns.length : leading) as never);
      expect(asked).toBe(message as string);
      expect(others).toEqual({
        ...rest,
        model: String(model),
        ...(stream === undefined ? {} : { stream: stream as boolean }),
      });
    });
  }

  for (const exchange of EXCHANGES.filter((one) => one.status >= 400)) {
    test(`${exchange.name}: the error`, () => {
      const failure = cohereV1.decodeError(exchange.status, exchange.text, new Headers());
      expect(failure).toMatchObject({ code: "not_found", message: exchange.body?.message as string });
    });
  }
});

function textIn(message: Message): string {
  const [part] = message.parts;
  return part?.type === "text" ? part.text : "";
}

// https://docs.cohere.com/v1/docs/tool-use and https://docs.cohere.com/v1/reference/chat (2026-11-24)
describe("tools", () => {
  const call = { type: "tool-call" as const, id: "c1", name: "sales", arguments: '{"day":"2023-09-29"}' };
  const talk: Message[] = [
    { role: "system", parts: [{ type: "text", text: "Be brief." }] },
    { role: "user", parts: [{ type: "text", text: "How were sales?" }] },
    { role: "assistant", parts: [{ type: "text", text: "I will look." }, call] },
    { role: "tool", parts: [{ type: "tool-result", callId: "c1", content: [{ type: "text", text: '{"total":10}' }] }] },
  ];

  test("are described without a schema, and their answers name the call", () => {
    const parameters = {
      type: "object",
      properties: { day: { type: "string", description: "ISO date" }, limit: { type: "integer" } },
      required: ["day"],
    };
    const body = cohereV1.encodeRequest(
      {
        model: "command-r",
        messages: talk,
        sampling: {},
        tools: [{ type: "function", name: "sales", description: "Sales of a day", parameters }],
      },
      requestContext("command-r"),
    );
    expect(body).toEqual({
      model: "command-r",
      preamble: "Be brief.",
      message: "",
      chat_history: [
        { role: "USER", message: "How were sales?" },
        {
          role: "CHATBOT",
          message: "I will look.",
          tool_calls: [{ name: "sales", parameters: { day: "2023-09-29" } }],
        },
      ],
      tool_results: [{ call: { name: "sales", parameters: { day: "2023-09-29" } }, outputs: [{ total: 10 }] }],
      tools: [
        {
          name: "sales",
          description: "Sales of a day",
          parameter_definitions: {
            day: { type: "str", required: true, description: "ISO date" },
            limit: { type: "int", required: false },
          },
        },
      ],
    });
  });
});

/** As printed in https://docs.cohere.com/v1/docs/streaming (2026-11-24). */
const LINES = [
  { is_finished: false, event_type: "stream-start", generation_id: "g1" },
  { is_finished: false, event_type: "text-generation", text: "Größe: " },
  { is_finished: false, event_type: "text-generation", text: "42 🙂" },
  {
    is_finished: false,
    event_type: "citation-generation",
    citations: [{ start: 7, end: 9, text: "42", document_ids: ["d1"] }],
  },
  {
    is_finished: false,
    event_type: "tool-calls-generation",
    text: "I will look.",
    tool_calls: [{ name: "sales", parameters: { day: "x" } }],
  },
];
const ANSWER = {
  generation_id: "g1",
  text: "Größe: 42 🙂",
  finish_reason: "COMPLETE",
  citations: [{ start: 7, end: 9, text: "42", document_ids: ["d1"] }],
  documents: [{ id: "d1", title: "T", url: "https://example.com/" }],
  tool_calls: [{ name: "sales", parameters: { day: "x" } }],
  meta: { tokens: { input_tokens: 5, output_tokens: 6 } },
};
const STREAM = [...LINES, { is_finished: true, event_type: "stream-end", finish_reason: "COMPLETE", response: ANSWER }]
  .map((line) => `${JSON.stringify(line)}\n`)
  .join("");

describe("streams", () => {
  const decode = () => cohereV1.createStreamDecoder(responseContext());

  test("cut at every byte, give the same", () => {
    const whole = eventsOf(STREAM, new NdjsonFramer(), decode());
    expect(brokenStreamRules(whole)).toEqual([]);
    // The calls come twice: as they were made, and in the whole answer at the end.
    expect(whole.filter((event) => event.type === "part-start" && event.kind === "tool-call")).toHaveLength(1);
    forEveryCut(
      STREAM,
      () => new NdjsonFramer(),
      decode,
      (events) => expect(events).toEqual(whole),
    );
  });

  test("say what the whole answer says", () => {
    const lines = STREAM.split("\n").filter((line) => !line.includes('"tool-calls-generation"'));
    const streamed = assemble(eventsOf(lines.join("\n"), new NdjsonFramer(), decode()));
    const { parts, ...choice } = streamed.choices[0] ?? { parts: [] };
    const response = cohereV1.decodeResponse(ANSWER, responseContext());
    expect(choice).toMatchObject({ finish: "tool-calls", rawFinish: "COMPLETE" });
    expect(parts.map((part) => (part.type === "text" ? part.text : part.type))).toEqual(["Größe: 42 🙂", "tool-call"]);
    expect(parts.filter((part) => part.type === "tool-call")).toEqual(
      response.choices[0]?.parts.filter((part) => part.type === "tool-call") as never,
    );
    expect(streamed.usage).toEqual(response.usage as never);
  });

  test("without tools, keep their citations", () => {
    const { tool_calls: _, ...answer } = ANSWER;
    const lines = [LINES[0], LINES[1], LINES[2], LINES[3], { event_type: "stream-end", response: answer }];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const streamed = assemble(eventsOf(text, new NdjsonFramer(), decode()));
    expect(streamed).toEqual(cohereV1.decodeResponse(answer, responseContext()));
    const [part] = streamed.choices[0]?.parts ?? [];
    expect(part).toMatchObject({ citations: [{ url: "https://example.com/", title: "T", citedText: "42" }] });
  });

  test("that break off or fail are errors", () => {
    const cut = STREAM.slice(0, STREAM.indexOf("\n") + 1);
    expect(eventsOf(cut, new NdjsonFramer(), decode()).at(-1)?.type).toBe("error");
    const error = '{"message":"internal server error"}\n';
    expect(eventsOf(error, new NdjsonFramer(), decode())).toMatchObject([
      { type: "error", error: { message: "internal server error" } },
    ]);
  });
});
