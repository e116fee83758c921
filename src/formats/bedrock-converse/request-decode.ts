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
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import { decodeToolChoice as decodeAnthropicChoice } from "../anthropic-messages/tools.ts";
import type {
  ConversationRequest,
  Message,
  Part,
  Reasoning,
  ResponseFormat,
  Sampling,
  Tool,
  ToolChoice,
} from "../conversation.ts";
import { decodeBlocks } from "./blocks-decode.ts";
import { cacheMark, FORMAT, nativeRest, ownerOf } from "./types.ts";

const REQUEST = new Set([
  "model",
  "stream",
  "messages",
  "system",
  "inferenceConfig",
  "toolConfig",
  "outputConfig",
  "serviceTier",
  "additionalModelRequestFields",
]);
const TOOL_SPEC = new Set(["name", "description", "inputSchema", "strict"]);

/**
 * Converse → conversation. `model` and `stream`, which Converse has in its URL, are expected in the body. Throws
 * GatewayError("invalid_request") with the field at fault.
 */
export function decodeRequest(body: JsonObject): ConversationRequest {
  const model = asString(body.model);
  if (model === undefined) throw invalid("model", "model: Field required");
  if (!Array.isArray(body.messages)) throw invalid("messages", "messages: a list is required");
  const owner = ownerOf(model);
  const system = decodeBlocks(asArray(body.system), owner);
  const messages: Message[] = system.length === 0 ? [] : [{ role: "system", parts: system }];
  for (const [index, message] of (body.messages as readonly Json[]).entries()) {
    messages.push(...decodeMessage(message, index, owner));
  }
  const toolConfig = asObject(body.toolConfig);
  const toolChoice = decodeToolChoice(asObject(toolConfig?.toolChoice));
  const additional: MutableJsonObject = { ...asObject(body.additionalModelRequestFields) };
  const reasoning = takeReasoning(additional);
  const topK = takeTopK(additional);
  const serial = takeSerialChoice(additional);
  const format = decodeOutput(asObject(body.outputConfig));
  const serviceTier = asString(asObject(body.serviceTier)?.type);
  const stream = asBoolean(body.stream);
  const fields: MutableJsonObject = Object.fromEntries(Object.entries(body).filter(([name]) => !REQUEST.has(name)));
  if (Object.keys(additional).length > 0) fields.additionalModelRequestFields = additional;
  if (format === undefined && body.outputConfig !== undefined) fields.outputConfig = body.outputConfig;
  return {
    model,
    messages: nameResults(messages),
    ...(toolConfig === undefined ? {} : { tools: decodeTools(asArray(toolConfig.tools)) }),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    ...serial,
    sampling: decodeSampling(asObject(body.inferenceConfig) ?? {}, topK),
    ...(format === undefined ? {} : { responseFormat: format }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(stream === undefined ? {} : { stream }),
    ...(serviceTier === undefined ? {} : { serviceTier }),
    extensions: { format: FORMAT, fields },
  };
}

function invalid(param: string, message: string): GatewayError {
  return new GatewayError("invalid_request", message, { param });
}

function decodeMessage(value: Json, index: number, owner: string): Message[] {
  const at = `messages.${index}`;
  if (!isObject(value)) throw invalid(at, `${at}: an object is required`);
  if (value.role !== "user" && value.role !== "assistant") throw invalid(`${at}.role`, `${at}.role: user or assistant`);
  if (!Array.isArray(value.content)) throw invalid(`${at}.content`, `${at}.content: a list is required`);
  const parts = decodeBlocks(value.content as readonly Json[], owner);
  if (value.role === "assistant") return [{ role: "assistant", parts }];
  const isResult = (part: Part): boolean => part.type === "tool-result";
  const rest = parts.filter((part) => !isResult(part));
  const results = parts.filter(isResult).map((part): Message => ({ role: "tool", parts: [part] }));
  return rest.length > 0 || results.length === 0 ? [...results, { role: "user", parts: rest }] : results;
}

/** Fills in the functions' names, which the wire says only in the call. */
function nameResults(messages: readonly Message[]): Message[] {
  const names = new Map<string, string>();
  return messages.map((message) => {
    for (const part of message.parts) if (part.type === "tool-call") names.set(part.id, part.name);
    if (message.role !== "tool") return message;
    const parts = message.parts.map((part) => {
      const name = part.type === "tool-result" ? names.get(part.callId) : undefined;
      return part.type === "tool-result" && name !== undefined ? { ...part, name } : part;
    });
    return { ...message, parts };
  });
}

function decodeSampling(config: JsonObject, topK: number | undefined): Sampling {
  const maxOutputTokens = asNumber(config.maxTokens);
  const temperature = asNumber(config.temperature);
  const topP = asNumber(config.topP);
  const stop = asArray(config.stopSequences).filter((entry) => typeof entry === "string");
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(stop.length === 0 ? {} : { stop }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

function decodeTools(tools: readonly Json[]): Tool[] {
  const decoded: Tool[] = [];
  for (const tool of tools.filter(isObject)) {
    const spec = asObject(tool.toolSpec);
    const name = asString(spec?.name);
    const mark = cacheMark(tool);
    const last = decoded.at(-1);
    if (mark !== undefined && last?.type === "function") decoded[decoded.length - 1] = { ...last, cache: mark };
    else if (spec === undefined || name === undefined) decoded.push({ type: "opaque", format: FORMAT, value: tool });
    else {
      const description = asString(spec.description);
      const parameters = asObject(asObject(spec.inputSchema)?.json);
      const strict = asBoolean(spec.strict);
      decoded.push({
        type: "function",
        name,
        ...(description === undefined ? {} : { description }),
        ...(parameters === undefined ? {} : { parameters }),
        ...(strict === undefined ? {} : { strict }),
        ...nativeRest(spec, TOOL_SPEC),
      });
    }
  }
  return decoded;
}

function decodeToolChoice(choice: JsonObject | undefined): ToolChoice | undefined {
  const name = asString(asObject(choice?.tool)?.name);
  if (name !== undefined) return { type: "tool", name };
  if (choice?.any !== undefined) return { type: "required" };
  return choice?.auto === undefined ? undefined : { type: "auto" };
}

function decodeOutput(config: JsonObject | undefined): ResponseFormat | undefined {
  const held = asObject(asObject(asObject(config?.textFormat)?.structure)?.jsonSchema);
  const schema = asObject(parseJson(asString(held?.schema) ?? ""));
  if (schema === undefined) return undefined;
  const name = asString(held?.name);
  const description = asString(held?.description);
  return {
    type: "json-schema",
    schema,
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
  };
}

const THINKING = new Set(["type", "budget_tokens", "display"]);

/** Claude's effort, beside its thinking. */
function takeEffort(additional: MutableJsonObject): { readonly effort?: string } {
  const output = asObject(additional.output_config);
  const effort = asString(output?.effort);
  if (output === undefined || effort === undefined || Object.keys(output).length > 1) return {};
  delete additional.output_config;
  return { effort };
}

/** `top_k`, which Nova has among its own inference parameters. */
function takeTopK(additional: MutableJsonObject): number | undefined {
  const config = asObject(additional.inferenceConfig);
  const nova = asNumber(config?.topK);
  if (nova !== undefined && Object.keys(config ?? {}).length === 1) delete additional.inferenceConfig;
  const own = asNumber(additional.top_k);
  delete additional.top_k;
  return own ?? nova;
}

/** A choice in Anthropic's words, which alone can ban parallel calls. */
function takeSerialChoice(
  additional: MutableJsonObject,
): Pick<ConversationRequest, "toolChoice" | "parallelToolCalls"> {
  const choice = asObject(additional.tool_choice);
  if (typeof choice?.disable_parallel_tool_use !== "boolean") return {};
  delete additional.tool_choice;
  return decodeAnthropicChoice(choice);
}

/** Takes what the conversation has a word for out of the model's own fields. */
function takeReasoning(additional: MutableJsonObject): Reasoning | undefined {
  const thinking = asObject(additional.thinking);
  const nova = asObject(additional.reasoningConfig);
  const effort = asString(additional.reasoning_effort);
  if (thinking !== undefined && Object.keys(thinking).every((name) => THINKING.has(name))) {
    const { type } = thinking;
    const budgetTokens = asNumber(thinking.budget_tokens);
    if (type !== "enabled" && type !== "disabled" && type !== "adaptive") return undefined;
    delete additional.thinking;
    const shown = thinking.display === "omitted" ? "none" : thinking.display === undefined ? undefined : "auto";
    return {
      mode: type,
      ...(budgetTokens === undefined ? {} : { budgetTokens }),
      ...takeEffort(additional),
      ...(shown === undefined ? {} : { summary: shown }),
    };
  }
  if (nova !== undefined) {
    delete additional.reasoningConfig;
    const level = asString(nova.maxReasoningEffort);
    return nova.type === "disabled"
      ? { mode: "disabled" }
      : { mode: "enabled", ...(level === undefined ? {} : { effort: level }) };
  }
  if (effort === undefined) return undefined;
  delete additional.reasoning_effort;
  return { effort };
}
