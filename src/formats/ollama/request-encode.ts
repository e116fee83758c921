import { isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message, Part, Reasoning, ToolResultPart } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { encodeCall } from "./tool-calls.ts";
import { encodeTools } from "./tools.ts";
import { type OllamaMessage, REQUEST_FIELDS } from "./types.ts";

/** Conversation → body of `/api/chat`. `stream` is always said, because Ollama's own default is true. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const body: MutableJsonObject = {
    model: context.model,
    messages: request.messages.flatMap((message) => encodeMessage(message, report)),
    stream: request.stream === true,
  };
  const tools = encodeTools(request.tools ?? [], request.toolChoice, report);
  if (tools.length > 0) body.tools = tools;
  if (request.responseFormat?.type === "json") body.format = "json";
  if (request.responseFormat?.type === "json-schema") body.format = request.responseFormat.schema;
  const think = encodeThink(request.reasoning, context);
  if (think !== undefined) body.think = think;
  const { sampling } = request;
  if (sampling.logprobs !== undefined) body.logprobs = sampling.logprobs;
  if (sampling.topLogprobs !== undefined) body.top_logprobs = sampling.topLogprobs;
  const options = encodeOptions(request);
  spreadExtensions(request, body, options, report);
  if (Object.keys(options).length > 0) body.options = options;
  reportInexpressible(request, "ollama", EXPRESSIBLE, report);
  return body;
}

function encodeOptions(request: ConversationRequest): MutableJsonObject {
  const { sampling } = request;
  const options: MutableJsonObject = {};
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) options[name] = value;
  };
  put("num_predict", sampling.maxOutputTokens);
  put("temperature", sampling.temperature);
  put("top_p", sampling.topP);
  put("top_k", sampling.topK);
  put("min_p", sampling.minP);
  put("seed", sampling.seed);
  put("stop", sampling.stop);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("presence_penalty", sampling.presencePenalty);
  put("repeat_penalty", sampling.repetitionPenalty);
  return options;
}

/** Fields of Ollama's own stand beside `options`; whatever else a caller adds (`num_ctx`, `mirostat` …) is an option. */
function spreadExtensions(
  request: ConversationRequest,
  body: MutableJsonObject,
  options: MutableJsonObject,
  report: ParameterReport,
): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (value === undefined) continue;
    if (extensions.format === "ollama" && name !== "options") body[name] ??= value;
    else if (extensions.format !== "openai-chat" && extensions.format !== "ollama") {
      report.dropped(name, `only ${extensions.format} knows it`);
    } else if (name === "options") {
      for (const [option, given] of Object.entries(isObject(value) ? value : {})) options[option] ??= given;
    } else if (REQUEST_FIELDS.has(name)) body[name] ??= value;
    else options[name] ??= value;
  }
}

function encodeMessage(message: Message, report: ParameterReport): OllamaMessage[] {
  const results = message.parts.filter((part) => part.type === "tool-result");
  const others = message.parts.filter((part) => part.type !== "tool-result");
  const native = message.native?.format === "ollama" ? message.native.value : {};
  const wire = results.map((result) => encodeResult(result, others.length === 0 ? native : {}, report));
  if (others.length === 0 && results.length > 0) return wire;
  const texts: string[] = [];
  const thinking: string[] = [];
  const images: string[] = [];
  for (const part of others) {
    if (part.type === "thinking") {
      if (part.text !== "") thinking.push(part.text);
    } else encodePart(part, texts, images, report);
  }
  const calls = others.filter((part) => part.type === "tool-call");
  const role = message.role === "developer" ? "system" : message.role;
  return [
    ...wire,
    {
      ...native,
      role,
      content: texts.join("\n"),
      ...(thinking.length === 0 ? {} : { thinking: thinking.join("\n") }),
      ...(images.length === 0 ? {} : { images }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map((call, index) => encodeCall(call, index, report)) }),
    },
  ];
}

function encodePart(part: Part, texts: string[], images: string[], report: ParameterReport): void {
  switch (part.type) {
    case "text":
    case "refusal":
      texts.push(part.text);
      return;
    case "image":
      if (part.source.type === "base64") images.push(part.source.data);
      else report.unsupported("messages.image", "Ollama takes images as base64 only");
      return;
    case "file":
      if (part.source.type === "text") texts.push(part.source.text);
      else report.unsupported("messages.file", "Ollama takes text and images");
      return;
    case "audio":
    case "video":
      report.unsupported(`messages.${part.type}`, "Ollama takes text and images");
      return;
    case "opaque":
      report.dropped("messages", `a block that only ${part.format} knows`);
      return;
    default:
      return;
  }
}

function encodeResult(part: ToolResultPart, native: JsonObject, report: ParameterReport): OllamaMessage {
  const texts: string[] = [];
  const images: string[] = [];
  for (const item of part.content) encodePart(item, texts, images, report);
  if (part.isError === true) report.dropped("messages.is_error", "Ollama's tool results cannot be marked as errors");
  return {
    ...native,
    role: "tool",
    content: texts.join("\n"),
    ...(images.length === 0 ? {} : { images }),
    ...(part.name === undefined ? {} : { tool_name: part.name }),
    tool_call_id: part.callId,
  };
}

/** Models think or not; only GPT-OSS has levels (https://docs.ollama.com/capabilities/thinking, 2026-11-24). */
function encodeThink(reasoning: Reasoning | undefined, context: RequestContext): boolean | string | undefined {
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens, mode } = reasoning;
  if (mode === "disabled" || budgetTokens === 0 || effort === "none" || effort === "disable") return false;
  if (budgetTokens !== undefined) {
    context.report.converted("thinking.budget_tokens", "Ollama's models think as long as they like");
  }
  if (effort === undefined) return mode === undefined && budgetTokens === undefined ? undefined : true;
  const levels = context.model.includes("gpt-oss");
  const level = effort === "minimal" ? "low" : effort === "xhigh" || effort === "max" ? "high" : effort;
  if (levels) {
    if (level !== effort) context.report.clamped("reasoning_effort", level, "the levels are low, medium and high");
    return level;
  }
  context.report.converted("reasoning_effort", "the model thinks or does not; it has no levels");
  return true;
}
