import { asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, ResponseFormat, Tool, ToolChoice } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { MessageEncoder } from "./messages.ts";

/** Conversation → body of `/v2/chat`. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const encoder = new MessageEncoder(context);
  const body: MutableJsonObject = { model: context.model, messages: encoder.encode(request.messages) };
  if (request.stream !== undefined) body.stream = request.stream;
  if (encoder.documents.length > 0) body.documents = encoder.documents;
  encodeTools(request, body, report);
  if (request.responseFormat !== undefined) {
    const format = encodeResponseFormat(request.responseFormat);
    if (format !== undefined) body.response_format = format;
  }
  encodeThinking(request, body, context);
  encodeSampling(request, body, report);
  reportInexpressible(request, "cohere", EXPRESSIBLE, report);
  spreadExtensions(request, body, report);
  return body;
}

function encodeTools(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const named = namesOf(request.toolChoice);
  const tools = (request.tools ?? []).filter((tool) => named === undefined || ("name" in tool && named.has(tool.name)));
  const encoded = tools.flatMap((tool) => encodeTool(tool, report));
  if (encoded.length === 0) {
    if (request.toolChoice?.type === "required") report.dropped("tool_choice", "there is no tool to choose");
    return;
  }
  body.tools = encoded;
  if (named !== undefined) report.converted("tool_choice", "Cohere cannot name a tool: only the named ones are sent");
  const choice = encodeToolChoice(request.toolChoice);
  if (choice !== undefined) body.tool_choice = choice;
  const strict = tools.map((tool) => (tool.type === "function" ? tool.strict : undefined));
  if (strict.every((value) => value === true)) body.strict_tools = true;
  else if (strict.every((value) => value === false)) body.strict_tools = false;
  else if (strict.some((value) => value === true)) {
    report.dropped("tools.strict", "Cohere is strict with all tools or with none");
  }
}

function namesOf(choice: ToolChoice | undefined): ReadonlySet<string> | undefined {
  if (choice?.type === "tool") return new Set([choice.name]);
  return choice?.type === "allowed" ? new Set(choice.names) : undefined;
}

/** `auto` is what leaving it out means; Cohere knows only REQUIRED and NONE. */
function encodeToolChoice(choice: ToolChoice | undefined): "REQUIRED" | "NONE" | undefined {
  switch (choice?.type) {
    case "required":
    case "tool":
      return "REQUIRED";
    case "none":
      return "NONE";
    case "allowed":
      return choice.mode === "required" ? "REQUIRED" : undefined;
    default:
      return undefined;
  }
}

function encodeTool(tool: Tool, report: ParameterReport): JsonObject[] {
  switch (tool.type) {
    case "function": {
      const native = tool.native?.format === "cohere" ? tool.native.value : {};
      return [
        {
          ...native,
          type: "function",
          function: {
            ...asObject(native.function),
            name: tool.name,
            ...(tool.description === undefined ? {} : { description: tool.description }),
            parameters: tool.parameters ?? { type: "object", properties: {} },
          },
        },
      ];
    }
    case "custom":
      report.converted("tools", "Cohere has no free-text tools; it takes one string argument 'input'");
      return [
        {
          type: "function",
          function: {
            name: tool.name,
            ...(tool.description === undefined ? {} : { description: tool.description }),
            parameters: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
          },
        },
      ];
    case "web-search":
      return [];
    case "opaque":
      if (tool.format === "cohere") return [tool.value];
      report.unsupported("tools", `a tool that only ${tool.format} knows`);
      return [];
  }
}

function encodeResponseFormat(format: ResponseFormat): JsonObject | undefined {
  switch (format.type) {
    case "text":
      return { type: "text" };
    case "json":
      return { type: "json_object" };
    case "json-schema":
      return { type: "json_object", json_schema: format.schema };
  }
}

function encodeThinking(request: ConversationRequest, body: MutableJsonObject, context: RequestContext): void {
  const { reasoning } = request;
  if (reasoning === undefined) return;
  const { effort, budgetTokens, mode } = reasoning;
  if (effort === undefined && budgetTokens === undefined && mode === undefined) return;
  const off = mode === "disabled" || budgetTokens === 0 || effort === "none" || effort === "disable";
  if (context.capabilities.reasoning === false) {
    if (!off)
      context.report.unsupported(effort === undefined ? "thinking" : "reasoning_effort", "the model does not think");
    return;
  }
  if (effort !== undefined && !off) {
    context.report.converted("reasoning_effort", "Cohere knows no levels, only whether to think and for how long");
  }
  body.thinking = {
    type: off ? "disabled" : "enabled",
    ...(budgetTokens === undefined || off ? {} : { token_budget: budgetTokens }),
  };
}

function encodeSampling(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { sampling } = request;
  const clamp = (parameter: string, value: number | undefined, min: number, max: number): number | undefined => {
    if (value === undefined || (value >= min && value <= max)) return value;
    const inside = Math.min(Math.max(value, min), max);
    report.clamped(parameter, inside, `Cohere takes ${min} to ${max}`);
    return inside;
  };
  const put = (name: string, value: JsonObject[string]): void => {
    if (value !== undefined) body[name] = value;
  };
  put("temperature", sampling.temperature);
  put("p", clamp("top_p", sampling.topP, 0.01, 0.99));
  put("k", clamp("top_k", sampling.topK, 0, 500));
  put("seed", sampling.seed);
  put("max_tokens", sampling.maxOutputTokens);
  put("stop_sequences", sampling.stop);
  put("frequency_penalty", clamp("frequency_penalty", sampling.frequencyPenalty, 0, 1));
  put("presence_penalty", clamp("presence_penalty", sampling.presencePenalty, 0, 1));
  put("logprobs", sampling.logprobs);
}

/** Fields of Cohere's own clients, and what a Chat Completions client added for Cohere. */
function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  const ours = extensions.format === "cohere" || extensions.format === "openai-chat";
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    if (!ours) report.dropped(name, `only ${extensions.format} knows it`);
    else if (name === "documents" && Array.isArray(value) && Array.isArray(body.documents)) {
      body.documents = [...value, ...body.documents];
    } else body[name] ??= value;
  }
}
