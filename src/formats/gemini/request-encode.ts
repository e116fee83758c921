import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Tool, ToolChoice, WebSearchTool } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { encodeMessages, globalResolution, isVertex } from "./messages-encode.ts";
import { reduceSchema } from "./schema.ts";
import { encodeThinking } from "./thinking.ts";

/** Conversation → generateContent body. Model and streaming stand in the URL. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const { system, contents } = encodeMessages(request.messages, context);
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
  reportInexpressible(request, "gemini", EXPRESSIBLE, report);
  spreadExtensions(request, body, report);
  return body;
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
        context.report.converted("tools", "Gemini has no free-text tools; it takes one string argument 'input'");
        declarations.push({
          name: tool.name,
          ...(tool.description === undefined ? {} : { description: tool.description }),
          parameters: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
        });
        break;
      case "web-search":
        others.push(tool.native?.format === "gemini" ? tool.native.value : encodeSearch(tool, context));
        break;
      case "opaque":
        if (tool.format === "gemini") others.push(tool.value);
        else context.report.unsupported("tools", `a tool that only ${tool.format} knows`);
    }
  }
  return declarations.length === 0 ? others : [{ functionDeclarations: declarations }, ...others];
}

/** Only Vertex AI knows `excludeDomains` (Google Gen AI SDK's types, 2026-11). */
function encodeSearch(tool: WebSearchTool, { provider, report }: RequestContext): JsonObject {
  if (tool.blockedDomains === undefined) return { googleSearch: {} };
  if (isVertex(provider)) return { googleSearch: { excludeDomains: tool.blockedDomains } };
  report.dropped("web_search_options.blocked_domains", "only Vertex AI excludes domains");
  return { googleSearch: {} };
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
  put("mediaResolution", globalResolution(request.messages, context));
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
    const { voice, format } = request.audioOutput;
    if (format !== "pcm16") context.report.converted("audio", "Gemini's sound is PCM of 16 bits");
    config.speechConfig = isObject(voice) ? voice : { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } };
  }
  return config;
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
