import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asArray,
  asBoolean,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
} from "../../json/json.ts";
import type {
  ConversationRequest,
  Message,
  Part,
  ResponseFormat,
  Sampling,
  Tool,
  ToolChoice,
} from "../conversation.ts";
import { joinedThinking } from "../thinking-pieces.ts";
import { CallIds, decodePart } from "./parts.ts";
import { expandSchema } from "./schema.ts";
import { decodeThinking } from "./thinking.ts";
import { camelCase, field, listField, objectField, otherFields } from "./wire.ts";

const REQUEST_FIELDS = new Set([
  "model",
  "stream",
  "contents",
  "systemInstruction",
  "tools",
  "toolConfig",
  "safetySettings",
  "generationConfig",
  "serviceTier",
]);

const GENERATION_FIELDS = new Set([
  "maxOutputTokens",
  "temperature",
  "topP",
  "topK",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "candidateCount",
  "stopSequences",
  "responseLogprobs",
  "logprobs",
  "thinkingConfig",
  "responseMimeType",
  "responseSchema",
  "responseJsonSchema",
  "responseModalities",
  "speechConfig",
]);

/** generateContent body → conversation. `model` and `stream` come from the URL and are put into the body by the route. */
export function decodeRequest(body: JsonObject): ConversationRequest {
  const generation = objectField(body, "generationConfig");
  const ids = new CallIds();
  const messages: Message[] = [];
  const system = field(body, "systemInstruction");
  if (system !== undefined && system !== null)
    messages.push({ role: "system", parts: decodeContent(system, "systemInstruction", ids) });
  const contents = body.contents;
  if (contents === undefined) throw invalid("contents", "is required");
  for (const [index, content] of (Array.isArray(contents) ? contents : [contents]).entries()) {
    messages.push(...decodeTurn(content as Json, index, ids));
  }
  const tools = decodeTools(listField(body, "tools"));
  const choice = decodeToolChoice(objectField(objectField(body, "toolConfig"), "functionCallingConfig"));
  const safety = field(body, "safetySettings");
  const tier = asString(field(body, "serviceTier"));
  const reasoning = decodeThinking(objectField(generation, "thinkingConfig"));
  const responseFormat = decodeResponseFormat(generation);
  const modalities = listField(generation, "responseModalities").flatMap((name) =>
    typeof name === "string" ? [name.toLowerCase()] : [],
  );
  const speech = objectField(generation, "speechConfig");
  const otherGeneration = generation === undefined ? undefined : otherSettings(generation, speech);
  const rest = otherFields(body, REQUEST_FIELDS);
  const fields: JsonObject = {
    ...rest,
    ...(otherGeneration === undefined ? {} : { generationConfig: otherGeneration }),
    ...otherToolConfig(objectField(body, "toolConfig")),
  };
  return {
    model: asString(body.model) ?? "",
    messages,
    sampling: decodeSampling(generation),
    ...(body.stream === true ? { stream: true, includeUsage: true } : {}),
    ...(tools.length === 0 ? {} : { tools }),
    ...(choice === undefined ? {} : { toolChoice: choice }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
    ...(modalities.length === 0 ? {} : { modalities }),
    ...(speech === undefined ? {} : { audioOutput: { voice: voiceOf(speech), format: "pcm16" } }),
    ...(safety === undefined || safety === null ? {} : { safetySettings: safety }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...(Object.keys(fields).length === 0 ? {} : { extensions: { format: "gemini" as const, fields } }),
  };
}

/** What of `generationConfig` has no word; of the speech only the voice has one. */
function otherSettings(generation: JsonObject, speech: JsonObject | undefined): JsonObject | undefined {
  const rest = otherFields(generation, GENERATION_FIELDS);
  const voiced = speech === undefined || voiceOf(speech) === speech;
  const restOfSpeech = voiced ? undefined : otherFields(speech, new Set(["voiceConfig"]));
  return restOfSpeech === undefined ? rest : { ...rest, speechConfig: restOfSpeech };
}

const CALLING_FIELDS = new Set(["mode", "allowedFunctionNames"]);

/** What of the tools' configuration has no word: where to search, whether calls are streamed … */
function otherToolConfig(config: JsonObject | undefined): JsonObject {
  if (config === undefined) return {};
  const calling = objectField(config, "functionCallingConfig");
  const rest = otherFields(config, new Set(["functionCallingConfig"]));
  const restOfCalling = calling === undefined ? undefined : otherFields(calling, CALLING_FIELDS);
  if (rest === undefined && restOfCalling === undefined) return {};
  return { toolConfig: { ...rest, ...(restOfCalling === undefined ? {} : { functionCallingConfig: restOfCalling }) } };
}

function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `Invalid request: '${param}' ${what}`, { param });
}

function decodeContent(content: Json, path: string, ids: CallIds): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!isObject(content)) throw invalid(path, "must be an object with parts");
  const parts = content.parts === undefined && typeof content.text === "string" ? [content] : content.parts;
  if (parts === undefined || parts === null) return [];
  return (Array.isArray(parts) ? parts : [parts]).map((part, index) => {
    if (typeof part === "string") return { type: "text", text: part };
    if (!isObject(part)) throw invalid(`${path}.parts[${index}]`, "must be an object");
    return decodePart(part, ids);
  });
}

/** A user turn may hold function responses beside other parts: the responses become a tool turn before the rest. */
function decodeTurn(content: Json, index: number, ids: CallIds): Message[] {
  const parts = decodeContent(content, `contents[${index}]`, ids);
  const role = asString(asObject(content)?.role) ?? "user";
  if (role === "model") return [{ role: "assistant", parts: joinedThinking(parts) }];
  if (role === "system") return [{ role: "system", parts }];
  if (role !== "user" && role !== "function" && role !== "tool")
    throw invalid(`contents[${index}].role`, `must be 'user' or 'model', not '${role}'`);
  const results = parts.filter((part) => part.type === "tool-result");
  const others = parts.filter((part) => part.type !== "tool-result");
  return [
    ...(results.length === 0 ? [] : [{ role: "tool" as const, parts: results }]),
    ...(others.length === 0 && results.length > 0 ? [] : [{ role: "user" as const, parts: others }]),
  ];
}

function decodeTools(tools: readonly Json[]): Tool[] {
  return tools.flatMap((tool): Tool[] => {
    const object = asObject(tool);
    if (object === undefined) return [];
    const decoded: Tool[] = [];
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined || value === null) continue;
      switch (camelCase(name)) {
        case "functionDeclarations":
          decoded.push(...asArray(value).flatMap((declaration) => decodeDeclaration(asObject(declaration))));
          break;
        case "googleSearch":
        case "googleSearchRetrieval":
          decoded.push({
            type: "web-search",
            ...blockedBy(asObject(value)),
            native: { format: "gemini", value: { [name]: value } },
          });
          break;
        default:
          decoded.push({ type: "opaque", format: "gemini", value: { [name]: value } });
      }
    }
    return decoded;
  });
}

function blockedBy(search: JsonObject | undefined): { blockedDomains?: readonly string[] } {
  const domains = listField(search, "excludeDomains").filter((domain) => typeof domain === "string");
  return domains.length === 0 ? {} : { blockedDomains: domains };
}

const DECLARATION_FIELDS = new Set(["name", "description", "parameters", "parametersJsonSchema"]);

function decodeDeclaration(declaration: JsonObject | undefined): Tool[] {
  if (declaration === undefined) return [];
  const dialect = objectField(declaration, "parameters");
  const schema =
    objectField(declaration, "parametersJsonSchema") ?? (dialect === undefined ? undefined : expandSchema(dialect));
  const description = asString(declaration.description);
  const rest = otherFields(declaration, DECLARATION_FIELDS);
  return [
    {
      type: "function",
      name: asString(declaration.name) ?? "",
      ...(description === undefined ? {} : { description }),
      ...(schema === undefined ? {} : { parameters: schema }),
      ...(rest === undefined ? {} : { native: { format: "gemini", value: rest } }),
    },
  ];
}

function decodeToolChoice(config: JsonObject | undefined): ToolChoice | undefined {
  const names = listField(config, "allowedFunctionNames").filter((name): name is string => typeof name === "string");
  switch (asString(config?.mode)?.toUpperCase()) {
    case "AUTO":
      return { type: "auto" };
    case "NONE":
      return { type: "none" };
    case "ANY":
      if (names.length === 1) return { type: "tool", name: names[0] as string };
      return names.length === 0 ? { type: "required" } : { type: "allowed", mode: "required", names };
    case "VALIDATED":
      return names.length === 0 ? { type: "auto" } : { type: "allowed", mode: "auto", names };
    default:
      return undefined;
  }
}

function decodeResponseFormat(generation: JsonObject | undefined): ResponseFormat | undefined {
  const dialect = objectField(generation, "responseSchema");
  const schema =
    objectField(generation, "responseJsonSchema") ?? (dialect === undefined ? undefined : expandSchema(dialect));
  if (schema !== undefined) return { type: "json-schema", schema };
  const mime = asString(field(generation, "responseMimeType"));
  return mime === "application/json" ? { type: "json" } : mime === "text/plain" ? { type: "text" } : undefined;
}

function decodeSampling(generation: JsonObject | undefined): Sampling {
  const sampling: Record<string, unknown> = {};
  const number = (wire: string, name: keyof Sampling): void => {
    const value = field(generation, wire);
    if (value === undefined || value === null) return;
    const parsed = asNumber(value);
    if (parsed === undefined) throw invalid(`generationConfig.${wire}`, "must be a number");
    sampling[name] = parsed;
  };
  number("maxOutputTokens", "maxOutputTokens");
  number("temperature", "temperature");
  number("topP", "topP");
  number("topK", "topK");
  number("seed", "seed");
  number("presencePenalty", "presencePenalty");
  number("frequencyPenalty", "frequencyPenalty");
  number("candidateCount", "n");
  number("logprobs", "topLogprobs");
  const logprobs = asBoolean(field(generation, "responseLogprobs"));
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = listField(generation, "stopSequences").filter(
    (sequence): sequence is string => typeof sequence === "string",
  );
  if (stop.length > 0) sampling.stop = stop;
  return sampling as Sampling;
}

function voiceOf(speech: JsonObject): Json {
  const name = asString(field(objectField(objectField(speech, "voiceConfig"), "prebuiltVoiceConfig"), "voiceName"));
  return name ?? speech;
}
