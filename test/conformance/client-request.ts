import type { ConversationRequest } from "../../src/formats/conversation.ts";
import type { Format } from "../../src/formats/format.ts";
import { formatById } from "../../src/formats/registry.ts";
import { ParameterReport } from "../../src/formats/report.ts";
import { asArray, asObject, asString, type JsonObject } from "../../src/json/json.ts";
import type { Recording, Wire } from "./recordings.ts";

const FORMATS: Readonly<Record<Exclude<Wire, "invoke">, Parameters<typeof formatById>[0]>> = {
  chat: "openai-chat",
  messages: "anthropic-messages",
  responses: "openai-responses",
  genai: "gemini",
  converse: "bedrock-converse",
  cohere: "cohere",
  ollama: "ollama",
};

/** The format that the recording speaks; InvokeModel's follows from the model's family. */
export function formatOf({ wire, model, request }: Recording): Format {
  if (wire !== "invoke") return formatById(FORMATS[wire]);
  if (request?.anthropic_version !== undefined || model.includes("anthropic.")) return formatById("anthropic-messages");
  const family = /\b(titan|llama|mistral|cohere|ai21)/.exec(model)?.[1];
  return formatById(family === undefined ? "bedrock-converse" : (`bedrock-${family}` as "bedrock-titan"));
}

/** The formats of clients other than Chat Completions. */
export type OtherClient = "messages" | "responses" | "genai";

/** The recorded request as a client of Chat Completions would have made it. */
export function chatRequest(recording: Recording): JsonObject {
  const stream = recording.streamed ? { stream: true, stream_options: { include_usage: true } } : {};
  const { id, request, wire } = recording;
  if (request === undefined) return { model: id, messages: [{ role: "user", content: "Hello" }], ...stream };
  if (wire === "chat") {
    const { stream: _stream, stream_options, ...body } = request;
    return { ...body, model: id, ...(recording.streamed ? { stream: true, stream_options } : {}), ...stream };
  }
  const several = request.num_generations === undefined ? {} : { n: request.num_generations };
  const { stream: _stream, stream_options: _options, ...rest } = encoded(recording, "openai-chat");
  return { ...rest, model: id, ...several, ...stream };
}

/** The recorded request as a client of another format would have made it. */
export function otherRequest(recording: Recording, client: OtherClient): JsonObject {
  const { stream: _, model: __, ...body } = encoded(recording, FORMATS[client]);
  if (client === "genai") return body;
  return { ...body, model: recording.id, ...(recording.streamed ? { stream: true } : {}) };
}

function encoded(recording: Recording, client: Parameters<typeof formatById>[0]): JsonObject {
  return formatById(client).encodeRequest(conversationOf(recording), {
    model: recording.id,
    provider: OWNERS[client] ?? "openai",
    owner: OWNERS[client] ?? "openai",
    capabilities: {},
    report: new ParameterReport(),
    modifyParams: false,
  });
}

const OWNERS: Readonly<Record<string, string>> = { "anthropic-messages": "anthropic", gemini: "gemini" };

function conversationOf(recording: Recording): ConversationRequest {
  const { id, request } = recording;
  const said = (text: string): ConversationRequest => ({
    model: id,
    messages: [{ role: "user", parts: [{ type: "text", text }] }],
    sampling: {},
  });
  if (request === undefined) return said("Hello");
  const prompt = asString(request.prompt) ?? asString(request.inputText);
  if (prompt !== undefined) return said(prompt);
  return { ...formatOf(recording).decodeRequest({ ...request, model: id }), model: id, stream: false };
}

/** Whether a part of the request is named by URL, which some providers cannot fetch and the gateway then has to. */
export function needsDownload({ request, wire }: Recording): boolean {
  if (wire !== "genai" && wire !== "converse" && wire !== "invoke" && wire !== "ollama") return false;
  return /"(url|fileUri|file_uri)":"https?:/.test(JSON.stringify(request ?? null));
}

/** Every text that the model was meant to read, wherever its format keeps it, without white space. */
export function promptTexts(body: JsonObject): string[] {
  const found: string[] = [];
  const visit = (value: unknown): void => {
    for (const item of asArray(value)) visit(item);
    const object = asObject(value);
    // What the model thought is no prompt.
    if (object === undefined || object.thought === true) return;
    for (const [key, inner] of Object.entries(object)) {
      const text = asString(inner);
      if (text === undefined) visit(inner);
      else if (TEXT_FIELDS.has(key)) found.push(text.replace(/\s+/g, ""));
    }
  };
  const { system, instructions, input, messages, contents, systemInstruction, prompt, inputText } = body;
  visit({ system, instructions, input, messages, contents, systemInstruction, prompt, inputText });
  return found.filter((text) => text !== "");
}

const TEXT_FIELDS = new Set(["text", "content", "system", "instructions", "input", "prompt", "inputText", "output"]);

/** The names of the tools that a request offers, in every spelling. */
export function toolNames(body: JsonObject): string[] {
  const tools = [...asArray(body.tools), ...asArray(asObject(body.toolConfig)?.tools)];
  return tools.flatMap((value) => {
    const tool = asObject(value) ?? {};
    const declared = asArray(tool.functionDeclarations ?? tool.function_declarations);
    const specified = asObject(tool.function) ?? asObject(tool.toolSpec) ?? tool;
    return [...declared, specified].flatMap((item) => asString(asObject(item)?.name) ?? []);
  });
}
