/** What becomes of each field of the wire, against the official SDKs: a field that an SDK adds fails here by its name. */
import { afterAll, describe, expect, test } from "bun:test";
import * as anthropic from "../../src/formats/anthropic-messages/wire-fields.ts";
import type { FormatId } from "../../src/formats/conversation.ts";
import * as gemini from "../../src/formats/gemini/wire-fields.ts";
import * as chat from "../../src/formats/openai-chat/wire-fields.ts";
import * as responses from "../../src/formats/openai-responses/wire-fields.ts";
import { formatById } from "../../src/formats/registry.ts";
import type { WireFields } from "../../src/formats/wire-fields.ts";
import type { Json, JsonObject } from "../../src/json/json.ts";
import { requestContext } from "./recorded-exchange.ts";
import { openSdkTypes } from "./sdk-types.ts";

interface Wire {
  readonly name: string;
  readonly types: string;
  readonly fields: WireFields;
  readonly unions: readonly string[];
  readonly whole: readonly string[];
}

const WIRES: readonly Wire[] = [
  {
    name: "Chat Completions",
    types: "openai/resources/chat/completions/completions.d.ts",
    fields: chat.FIELDS,
    unions: chat.UNIONS,
    whole: chat.WHOLE,
  },
  {
    name: "Responses",
    types: "openai/resources/responses/responses.d.ts",
    fields: responses.FIELDS,
    unions: responses.UNIONS,
    whole: responses.WHOLE,
  },
  {
    name: "Messages",
    types: "@anthropic-ai/sdk/resources/messages/messages.d.ts",
    fields: anthropic.FIELDS,
    unions: anthropic.UNIONS,
    whole: anthropic.WHOLE,
  },
  { name: "generateContent", types: "@google/genai/dist/genai.d.ts", fields: gemini.FIELDS, unions: [], whole: [] },
];

for (const { name, types, fields, unions, whole } of WIRES) {
  describe(name, async () => {
    const sdk = await openSdkTypes(types);
    afterAll(() => sdk.close());

    for (const [type, known] of Object.entries(fields)) {
      test(`${type} is carried field by field`, async () => {
        expect(Object.keys(known).sort()).toEqual(await sdk.fieldsOf(type));
      });
    }
    for (const union of unions) {
      test(`every member of ${union} is carried`, async () => {
        const members = await sdk.membersOf(union);
        const literals = ["auto", "none", "required"];
        expect(members.filter((one) => !(one in fields) && !whole.includes(one) && !literals.includes(one))).toEqual(
          [],
        );
      });
    }
    test("what is kept whole exists", async () => {
      for (const type of whole) expect((await sdk.fieldsOf(type)).length).toBeGreaterThan(0);
    });
  });
}

test("every stop reason of Anthropic's has a meaning", async () => {
  const sdk = await openSdkTypes("@anthropic-ai/sdk/resources/messages/messages.d.ts");
  expect([...anthropic.STOP_REASONS].sort()).toEqual((await sdk.membersOf("StopReason")).sort());
  await sdk.close();
});

/** Where fields that only their own format knows stand in a request. */
interface Place {
  readonly format: FormatId;
  readonly fields: WireFields;
  readonly type: string;
  readonly body: (members: JsonObject) => JsonObject;
  /** The name under which the loss of all of them is told; each field's own unless given. */
  readonly as?: string;
}

const input: Json = [{ role: "user", content: "Hi" }];
const contents: Json = [{ role: "user", parts: [{ text: "Hi" }] }];
const MESSAGES = { model: "m", max_tokens: 9, messages: input };
const call = { functionCall: { name: "f", args: {} } };
const answered = (members: JsonObject): Json => [
  ...(contents as Json[]),
  { role: "model", parts: [call] },
  { role: "user", parts: [{ functionResponse: { name: "f", response: {}, ...members } }] },
];

const PLACES: readonly Place[] = [
  {
    format: "openai-responses",
    fields: responses.FIELDS,
    type: "ResponseCreateParamsBase",
    body: (members) => ({ model: "m", input, ...members }),
  },
  {
    format: "openai-responses",
    fields: responses.FIELDS,
    type: "FunctionTool",
    body: (members) => ({ model: "m", input, tools: [{ type: "function", name: "f", ...members }] }),
  },
  {
    format: "openai-responses",
    fields: responses.FIELDS,
    type: "CustomTool",
    body: (members) => ({ model: "m", input, tools: [{ type: "custom", name: "f", ...members }] }),
  },
  {
    format: "openai-responses",
    fields: responses.FIELDS,
    type: "ResponseInputFile",
    body: (members) => ({
      model: "m",
      input: [{ role: "user", content: [{ type: "input_file", file_data: "QQ==", filename: "a.txt", ...members }] }],
    }),
  },
  {
    format: "anthropic-messages",
    fields: anthropic.FIELDS,
    type: "MessageCreateParamsBase",
    body: (members) => ({ ...MESSAGES, ...members }),
  },
  {
    format: "anthropic-messages",
    fields: anthropic.FIELDS,
    type: "Tool",
    body: (members) => ({ ...MESSAGES, tools: [{ name: "f", input_schema: { type: "object" }, ...members }] }),
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "GenerationConfig",
    body: (members) => ({ contents, generationConfig: members }),
    as: "generationConfig",
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "SpeechConfig",
    body: (members) => ({
      contents,
      generationConfig: {
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Kore" } }, ...members },
      },
    }),
    as: "generationConfig",
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "ToolConfig",
    body: (members) => ({ contents, toolConfig: members }),
    as: "toolConfig",
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "FunctionCallingConfig",
    body: (members) => ({ contents, toolConfig: { functionCallingConfig: members } }),
    as: "toolConfig",
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "FunctionDeclaration",
    body: (members) => ({ contents, tools: [{ functionDeclarations: [{ name: "f", ...members }] }] }),
  },
  {
    format: "gemini",
    fields: gemini.FIELDS,
    type: "FunctionResponse",
    body: (members) => ({ contents: answered(members) }),
  },
];

describe("what only its own format knows is reported by name to a provider of another", () => {
  for (const { format, fields, type, body, as } of PLACES) {
    const native = Object.entries(fields[type] ?? {}).flatMap(([name, carried]) =>
      carried === "native" ? [name] : [],
    );
    test.each(native)(`${type}.%s`, (name) => {
      const request = formatById(format).decodeRequest({ model: "m", ...body({ [name]: { kept: true } }) });
      const context = requestContext("qwen3");
      formatById("ollama").encodeRequest(request, context);
      const told = context.report.changes.map(({ parameter }) => parameter);
      expect(told).toContain(as ?? name);
    });
  }
});
