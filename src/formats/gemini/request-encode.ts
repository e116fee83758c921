import { isObject, type Json, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import type { ConversationRequest, Message, Part, Tool, ToolChoice, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { reduceSchema } from "./schema.ts";
import { encodeThinking, takesThinkingLevel } from "./thinking.ts";

/** Google's stand-in for the signature of a call that another model made (Gemini docs, Thought signatures, 2026-11). */
const FOREIGN_SIGNATURE = "skip_thought_signature_validator";

/** Conversation → generateContent body. Model and streaming stand in the URL. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const system: JsonObject[] = [];
  const contents: { role: string; parts: JsonObject[] }[] = [];
  let spoken = false;
  for (const message of request.messages) {
    if (message.role === "system" || message.role === "developer") {
      if (spoken) report.converted("messages", "Gemini takes system text only before the conversation");
      for (const part of message.parts) if (part.type === "text" && part.text !== "") system.push({ text: part.text });
      continue;
    }
    spoken = true;
    append(contents, message.role === "assistant" ? "model" : "user", encodeParts(message, context));
  }
  if (contents.length === 0 && system.length > 0) {
    contents.push({ role: "user", parts: [{ text: " " }] });
    report.converted("messages", "Gemini needs a user turn beside the system text");
  }
  const body: MutableJsonObject = { contents };
  if (system.length > 0) body.systemInstruction = { parts: system };
  const tools = encodeTools(request.tools ?? [], context);
  if (tools.length > 0) body.tools = tools;
  const choice = encodeToolChoice(request.toolChoice);
  if (choice !== undefined) body.toolConfig = { functionCallingConfig: choice };
  const generation = encodeGeneration(request, context);
  if (Object.keys(generation).length > 0) body.generationConfig = generation;
  if (request.safetySettings !== undefined) body.safetySettings = request.safetySettings;
  if (request.serviceTier !== undefined && request.serviceTier !== "auto" && request.serviceTier !== "default") {
    body.serviceTier = request.serviceTier;
  }
  reportInexpressible(request, report);
  spreadExtensions(request, body, report);
  return body;
}

/** Consecutive turns of one role are one turn; the responses to parallel calls stand together in it. */
function append(contents: { role: string; parts: JsonObject[] }[], role: string, parts: JsonObject[]): void {
  if (parts.length === 0) return;
  const last = contents[contents.length - 1];
  if (last?.role === role) last.parts.push(...parts);
  else contents.push({ role, parts });
}

function encodeParts(message: Message, context: RequestContext): JsonObject[] {
  const encoded: JsonObject[] = [];
  let firstCall = true;
  for (const part of message.parts) {
    const wire = encodePart(part, context, firstCall);
    if (part.type === "tool-call") firstCall = false;
    encoded.push(...wire);
  }
  return encoded;
}

function encodePart(part: Part, context: RequestContext, firstCall: boolean): JsonObject[] {
  const { report } = context;
  const native = part.native?.format === "gemini" ? part.native.value : {};
  switch (part.type) {
    case "text":
      if (part.text === "" && part.sealed === undefined) return [];
      return [{ text: part.text, ...signatureOf(part.sealed, context), ...native }];
    case "refusal":
      return [{ text: part.text }];
    case "thinking":
      if (part.sealed?.owner === "gemini")
        return [{ text: part.text, thought: true, thoughtSignature: part.sealed.value }];
      report.dropped("messages.thinking", "thinking without a signature of Gemini's own is not sent back");
      return [];
    case "image":
    case "audio":
    case "video":
    case "file": {
      const { source } = part;
      const filename = part.type === "file" ? part.filename : undefined;
      switch (source.type) {
        case "base64":
          return [{ inlineData: { mimeType: source.mediaType, data: source.data }, ...native }];
        case "text":
          return [{ text: source.text }];
        case "file-id":
          return [
            {
              fileData: {
                fileUri: source.id,
                ...(source.mediaType === undefined ? {} : { mimeType: source.mediaType }),
              },
              ...native,
            },
          ];
        case "url": {
          const mimeType =
            source.mediaType ?? mediaTypeOf(source.url, filename) ?? (part.type === "image" ? "image/jpeg" : undefined);
          return [{ fileData: { fileUri: source.url, ...(mimeType === undefined ? {} : { mimeType }) }, ...native }];
        }
      }
      break;
    }
    case "tool-call": {
      const parsed = part.arguments.trim() === "" ? {} : parseJson(part.arguments);
      if (!isObject(parsed))
        report.converted(
          "messages.tool_calls.arguments",
          "Gemini takes an object; the broken JSON text stands in it under 'arguments'",
        );
      const args = isObject(parsed) ? parsed : { arguments: part.arguments };
      const foreign = part.sealed?.owner !== "gemini" && firstCall && takesThinkingLevel(context.model);
      return [
        {
          functionCall: { name: part.name, args },
          ...signatureOf(part.sealed, context),
          ...(foreign ? { thoughtSignature: FOREIGN_SIGNATURE } : {}),
          ...native,
        },
      ];
    }
    case "tool-result":
      return encodeResult(part, context);
    case "opaque":
      if (part.format === "gemini") return [part.value];
      report.dropped("messages", `a block that only ${part.format} knows`);
      return [];
  }
  return [];
}

function signatureOf(
  sealed: { readonly owner: string; readonly value: string } | undefined,
  context: RequestContext,
): JsonObject {
  if (sealed === undefined) return {};
  if (sealed.owner === "gemini") return { thoughtSignature: sealed.value };
  context.report.dropped("thought_signature", `it belongs to ${sealed.owner}`);
  return {};
}

function encodeResult(part: ToolResultPart, context: RequestContext): JsonObject[] {
  const text = part.content.map((item) => (item.type === "text" ? item.text : "")).join("");
  const media = part.content.filter((item) => item.type !== "text").flatMap((item) => encodePart(item, context, false));
  const parsed = part.isError === true ? undefined : parseJson(text);
  const response: JsonObject = part.isError === true ? { error: text } : isObject(parsed) ? parsed : { content: text };
  return [{ functionResponse: { name: part.name ?? part.callId, response } }, ...media];
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  pdf: "application/pdf",
  txt: "text/plain",
  html: "text/html",
  csv: "text/csv",
  md: "text/markdown",
  json: "application/json",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  flac: "audio/flac",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  webm: "video/webm",
  mov: "video/quicktime",
  mpeg: "video/mpeg",
};

function mediaTypeOf(url: string, filename: string | undefined): string | undefined {
  const extension = /\.(\w+)(?:[?#].*)?$/.exec(filename ?? url)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : MEDIA_TYPES[extension];
}

function encodeTools(tools: readonly Tool[], context: RequestContext): JsonObject[] {
  const declarations: JsonObject[] = [];
  const others: JsonObject[] = [];
  for (const tool of tools) {
    switch (tool.type) {
      case "function":
        declarations.push({
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          ...encodeParameters(tool.parameters, context),
          ...(tool.native?.format === "gemini" ? tool.native.value : {}),
        });
        break;
      case "custom":
        context.report.converted(
          `tools.${tool.name}`,
          "Gemini has no free-text tools; it takes one string argument 'input'",
        );
        declarations.push({
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          parameters: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
        });
        break;
      case "web-search":
        others.push(tool.native?.format === "gemini" ? tool.native.value : { googleSearch: {} });
        break;
      case "opaque":
        if (tool.format === "gemini") others.push(tool.value);
        else context.report.unsupported("tools", `a tool that only ${tool.format} knows`);
    }
  }
  return declarations.length === 0 ? others : [{ functionDeclarations: declarations }, ...others];
}

/** Models before 2.5 know the reduced dialect only; later ones take JSON Schema where the dialect would lose something. */
function encodeParameters(schema: JsonObject | undefined, context: RequestContext): JsonObject {
  if (schema === undefined || Object.keys(schema).length === 0) return {};
  const reduced = reduceSchema(schema);
  const properties = reduced.schema.properties;
  if (reduced.faithful) {
    const empty = reduced.schema.type === "object" && (!isObject(properties) || Object.keys(properties).length === 0);
    return empty ? {} : { parameters: reduced.schema };
  }
  if (takesJsonSchema(context.model)) return { parametersJsonSchema: withoutStrict(schema) };
  context.report.converted("tools.parameters", "Gemini's schema dialect lacks some of the keywords");
  return { parameters: reduced.schema };
}

function takesJsonSchema(model: string): boolean {
  return !/gemini-(?:1|2\.0|pro|exp)/.test(model);
}

function withoutStrict(schema: JsonObject): JsonObject {
  const { strict: _, ...rest } = schema;
  return rest;
}

function encodeToolChoice(choice: ToolChoice | undefined): JsonObject | undefined {
  switch (choice?.type) {
    case undefined:
      return undefined;
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [choice.name] };
    case "allowed":
      return { mode: choice.mode === "required" ? "ANY" : "VALIDATED", allowedFunctionNames: choice.names };
  }
}

function encodeGeneration(request: ConversationRequest, context: RequestContext): MutableJsonObject {
  const { sampling, responseFormat } = request;
  const config: MutableJsonObject = {};
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) config[name] = value;
  };
  put("maxOutputTokens", sampling.maxOutputTokens);
  put("temperature", sampling.temperature);
  put("topP", sampling.topP);
  put("topK", sampling.topK);
  put("seed", sampling.seed);
  put("presencePenalty", sampling.presencePenalty);
  put("frequencyPenalty", sampling.frequencyPenalty);
  put("candidateCount", sampling.n);
  put("stopSequences", sampling.stop);
  put("responseLogprobs", sampling.logprobs);
  put("logprobs", sampling.topLogprobs);
  put("thinkingConfig", encodeThinking(request.reasoning, context.model, context.report));
  if (responseFormat?.type === "json") config.responseMimeType = "application/json";
  else if (responseFormat?.type === "json-schema") {
    config.responseMimeType = "application/json";
    const reduced = reduceSchema(responseFormat.schema);
    if (reduced.faithful || !takesJsonSchema(context.model)) config.responseSchema = reduced.schema;
    else config.responseJsonSchema = responseFormat.schema;
    if (!reduced.faithful && !takesJsonSchema(context.model)) {
      context.report.converted("response_format", "Gemini's schema dialect lacks some of the keywords");
    }
  }
  if (request.modalities !== undefined)
    config.responseModalities = request.modalities.map((modality) => modality.toUpperCase());
  if (request.audioOutput !== undefined) {
    const { voice } = request.audioOutput;
    config.speechConfig = isObject(voice) ? voice : { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } };
  }
  return config;
}

function reportInexpressible(request: ConversationRequest, report: ParameterReport): void {
  const { sampling } = request;
  const lacks = "Gemini has no field for it";
  if (sampling.minP !== undefined) report.unsupported("min_p", lacks);
  if (sampling.repetitionPenalty !== undefined) report.unsupported("repetition_penalty", lacks);
  if (sampling.logitBias !== undefined) report.unsupported("logit_bias", lacks);
  if (request.parallelToolCalls === false) report.unsupported("parallel_tool_calls", lacks);
  if (request.prediction !== undefined) report.unsupported("prediction", lacks);
  if (request.verbosity !== undefined) report.unsupported("verbosity", lacks);
  if (request.user !== undefined) report.dropped("user", lacks);
  if (request.safetyIdentifier !== undefined) report.dropped("safety_identifier", lacks);
  if (request.metadata !== undefined) report.dropped("metadata", lacks);
  if (request.store !== undefined) report.dropped("store", lacks);
  if (request.promptCacheKey !== undefined) report.dropped("prompt_cache_key", lacks);
  if (request.promptCacheRetention !== undefined) report.dropped("prompt_cache_retention", lacks);
  if (request.previousResponseId !== undefined) report.unsupported("previous_response_id", lacks);
}

function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  if (extensions.format !== "gemini" && extensions.format !== "openai-chat") {
    for (const name of Object.keys(extensions.fields)) report.dropped(name, `only ${extensions.format} knows it`);
    return;
  }
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    const given = body[name];
    body[name] = isObject(given) && isObject(value) ? { ...value, ...given } : (given ?? value);
  }
}
