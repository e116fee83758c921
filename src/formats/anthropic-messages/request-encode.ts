import { asArray, asObject, isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, ResponseFormat, Tool } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { inputSchema } from "./input-schema.ts";
import { encodeMessages } from "./messages-encode.ts";
import { type ModelFamily, modelFamily } from "./model-family.ts";
import { outputSchema } from "./output-schema.ts";
import { encodeSampling, serviceTier } from "./parameters-encode.ts";
import { ANSWER_TOKENS, type EncodedThinking, encodeThinking, fitBudget } from "./thinking.ts";
import { encodeToolChoice, encodeTools } from "./tools.ts";
import { FORMAT, JSON_TOOL, joinMembers, toolName } from "./types.ts";

/** The maximum where neither the caller nor the catalogue says one: Anthropic requires the field. */
const DEFAULT_MAX_TOKENS = 4096;

/** Conversation → `POST /v1/messages`. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { report } = context;
  const family = modelFamily(context.model, context.owner);
  const { system, messages } = encodeMessages(request, family, context);
  let thinking = encodeThinking(request, family, context);
  const maxTokens = maxTokensFor(request, thinking, context);
  thinking = keepOrder(fitBudget(thinking, maxTokens, context), messages, context);

  const body: MutableJsonObject = { model: context.model, max_tokens: maxTokens };
  if (system.length > 0) body.system = system;
  body.messages = messages;
  Object.assign(body, encodeSampling(request, family, thinking, context));
  if (thinking.thinking !== undefined) body.thinking = thinking.thinking;
  encodeToolFields(body, request, family, thinking, messages, context);
  if (thinking.effort !== undefined) joinMembers(body, { output_config: { effort: thinking.effort } }, "additions");
  const user = userId(request, context);
  if (user !== undefined) body.metadata = { user_id: user };
  const tier = serviceTier(request.serviceTier, context);
  if (tier !== undefined) body.service_tier = tier;
  if (request.stream !== undefined) body.stream = request.stream;
  reportInexpressible(request, FORMAT, EXPRESSIBLE, report);
  addExtensions(body, request, context);
  return body;
}

function maxTokensFor(request: ConversationRequest, thinking: EncodedThinking, context: RequestContext): number {
  const cap = context.capabilities.maxOutputTokens;
  const asked = request.sampling.maxOutputTokens;
  if (asked !== undefined) {
    if (cap === undefined || asked <= cap || !context.modifyParams) return asked;
    context.report.clamped("max_tokens", cap, `the largest answer of ${context.model}`);
    return cap;
  }
  const budget = thinking.thinking?.budget_tokens;
  const least = typeof budget === "number" ? budget + ANSWER_TOKENS : DEFAULT_MAX_TOKENS;
  return cap ?? least;
}

/**
 * With a thinking budget the last turn that called tools must begin with its thinking; a history that came through
 * clients without thinking blocks has lost them.
 */
function keepOrder(
  thinking: EncodedThinking,
  messages: readonly JsonObject[],
  context: RequestContext,
): EncodedThinking {
  if (thinking.thinking?.type !== "enabled" || !context.modifyParams) return thinking;
  const last = messages.at(-1);
  const answersTools = blocksOf(last).some((block) => block.type === "tool_result");
  const begins = blocksOf(messages.at(-2))[0]?.type;
  if (!answersTools || begins === "thinking" || begins === "redacted_thinking") return thinking;
  context.report.dropped("thinking", "the last turn that called tools came without its thinking");
  return thinking.effort === undefined ? {} : { effort: thinking.effort };
}

function blocksOf(message: JsonObject | undefined): JsonObject[] {
  return asArray(message?.content).filter(isObject);
}

function encodeToolFields(
  body: MutableJsonObject,
  request: ConversationRequest,
  family: ModelFamily,
  thinking: EncodedThinking,
  messages: readonly JsonObject[],
  context: RequestContext,
): void {
  const { report } = context;
  const choice = request.toolChoice;
  const declared = (request.tools ?? []).filter((tool) => isAllowed(tool, request));
  if (choice?.type === "allowed") {
    report.converted("tool_choice", "Anthropic has no list of allowed tools: the others were left out");
  }
  const { tools, mcpServers } = encodeTools(declared, context);
  if (tools.length === 0 && mcpServers.length === 0 && context.modifyParams && mentionsTools(messages)) {
    report.converted("tools", "Anthropic wants tools declared where the history used them: a stand-in was added");
    tools.push({ name: "unavailable", description: "Do not call.", input_schema: { type: "object", properties: {} } });
  }
  let toolChoice = encodeToolChoice(choice, request.parallelToolCalls, tools.length > 0);
  const format = request.responseFormat;
  const json = format === undefined ? undefined : encodeResponseFormat(body, format, family, context);
  if (json !== undefined) {
    // A real tool may be needed first, so that the answer is forced only where there is none.
    const free = tools.length > 0 && choice?.type !== "none";
    toolChoice = free ? { ...serial(toolChoice), type: "any" } : { type: "tool", name: JSON_TOOL };
    tools.push(json);
  }
  const active = thinking.thinking !== undefined && thinking.thinking.type !== "disabled";
  const forced = toolChoice?.type === "any" || toolChoice?.type === "tool";
  if (forced && request.extensions?.format !== FORMAT && (active || !family.forcedToolUse)) {
    const reason = active ? "with thinking on, no call can be forced" : `${context.model} cannot be forced to call`;
    if (json === undefined) report.unsupported("tool_choice", reason);
    else report.converted("response_format", `${reason}: the model is free to answer otherwise`);
    toolChoice = { ...serial(toolChoice), type: "auto" };
  }
  if (tools.length > 0) body.tools = tools;
  if (mcpServers.length > 0) body.mcp_servers = mcpServers;
  if (toolChoice !== undefined) body.tool_choice = toolChoice;
}

function serial(choice: JsonObject | undefined): JsonObject {
  const disabled = choice?.disable_parallel_tool_use;
  return disabled === undefined ? {} : { disable_parallel_tool_use: disabled };
}

function isAllowed(tool: Tool, request: ConversationRequest): boolean {
  const choice = request.toolChoice;
  if (choice?.type !== "allowed" || (tool.type !== "function" && tool.type !== "custom")) return true;
  return choice.names.includes(tool.name);
}

function mentionsTools(messages: readonly JsonObject[]): boolean {
  return messages.some((message) =>
    blocksOf(message).some((block) => block.type === "tool_use" || block.type === "tool_result"),
  );
}

/** Structured output where the model has it; otherwise the tool whose call is the answer. */
function encodeResponseFormat(
  body: MutableJsonObject,
  format: ResponseFormat,
  family: ModelFamily,
  context: RequestContext,
): JsonObject | undefined {
  if (format.type === "text") return undefined;
  const { report } = context;
  if (format.type === "json-schema" && family.structuredOutput && context.capabilities.responseSchema !== false) {
    const schema = outputSchema(format.schema, "response_format", report);
    if (schema !== undefined) {
      body.output_config = { format: { type: "json_schema", schema } };
      if (format.description !== undefined) {
        report.dropped("response_format.description", "Anthropic's output formats have no description");
      }
      return undefined;
    }
  }
  report.converted("response_format", `a tool, ${JSON_TOOL}, whose call becomes the answer`);
  const description = format.type === "json-schema" ? format.description : undefined;
  return {
    name: JSON_TOOL,
    description: description ?? "Gives the answer as JSON. Call it once, with the whole answer.",
    input_schema:
      format.type === "json-schema"
        ? inputSchema(format.schema, "response_format", report)
        : { type: "object", properties: {}, additionalProperties: true },
  };
}

/** Anthropic asks for ids that identify nobody: https://platform.claude.com/docs/en/api/messages (2026-11). */
function userId(request: ConversationRequest, context: RequestContext): string | undefined {
  const { user: named, safetyIdentifier } = request;
  if (safetyIdentifier !== undefined) {
    if (named === undefined) context.report.renamed("safety_identifier", "metadata.user_id", "Anthropic's name for it");
    else context.report.dropped("safety_identifier", "Anthropic takes one id, and user is set");
  }
  const user = named ?? safetyIdentifier;
  if (user === undefined || request.extensions?.format === FORMAT) return user;
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(user) || /^\+?[\d\s().-]{7,20}$/.test(user)) {
    context.report.dropped("user", "looks like an e-mail address or telephone number, which Anthropic refuses");
    return undefined;
  }
  return user;
}

function addExtensions(body: MutableJsonObject, request: ConversationRequest, context: RequestContext): void {
  const extensions = request.extensions;
  if (extensions === undefined) return;
  if (extensions.format === FORMAT) joinMembers(body, extensions.fields, "additions");
  else if (extensions.format === "openai-chat") joinMembers(body, extensions.fields, "target");
  else {
    for (const name of Object.keys(extensions.fields)) {
      context.report.dropped(name, `a parameter that only ${extensions.format} knows`);
    }
  }
}

/** The tools of a request by the names that they have on the wire. */
export function toolsByWireName(request: ConversationRequest | undefined): ReadonlyMap<string, Tool> {
  const tools = new Map<string, Tool>();
  for (const tool of request?.tools ?? []) {
    if (tool.type === "function" || tool.type === "custom") tools.set(toolName(tool.name), tool);
  }
  return tools;
}

/** Whether the request's JSON mode was carried by a tool, so that this tool's call is the answer. */
export function usesJsonTool(request: ConversationRequest | undefined): boolean {
  const format = request?.responseFormat?.type;
  if (format !== "json" && format !== "json-schema") return false;
  return !(request?.tools ?? []).some((tool) => asObject(tool)?.name === JSON_TOOL);
}
