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
} from "../../json/json.ts";
import type { ConversationRequest, FunctionTool, Tool, ToolChoice, WebSearchTool } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { decodeCache } from "./blocks-decode.ts";
import { inputSchema } from "./input-schema.ts";
import { FORMAT, isHostedTool, nativeRest, ownNative, toolName } from "./types.ts";

const FUNCTION = new Set(["type", "name", "description", "input_schema", "strict", "cache_control"]);

/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool (2026-11) */
const WEB_SEARCH = "web_search_20250305";
/** OpenAI's context sizes as a number of searches. */
const SEARCHES = { low: 1, medium: 5, high: 10 } as const;

export function decodeTools(tools: readonly Json[]): Tool[] {
  return tools.filter(isObject).map((tool): Tool => {
    const type = asString(tool.type);
    if (type?.startsWith("web_search_")) return decodeWebSearch(tool);
    const name = asString(tool.name);
    if ((type !== undefined && type !== "custom") || name === undefined) {
      return { type: "opaque", format: FORMAT, value: tool };
    }
    return decodeFunction(tool, name);
  });
}

function decodeFunction(tool: JsonObject, name: string): FunctionTool {
  const description = asString(tool.description);
  const parameters = asObject(tool.input_schema);
  const strict = asBoolean(tool.strict);
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    ...decodeCache(tool),
    ...nativeRest(tool, FUNCTION),
  };
}

function decodeWebSearch(tool: JsonObject): WebSearchTool {
  const userLocation = asObject(tool.user_location);
  const maxUses = asNumber(tool.max_uses);
  const strings = (value: unknown): string[] => asArray(value).filter((entry) => typeof entry === "string");
  return {
    type: "web-search",
    ...(userLocation === undefined ? {} : { userLocation }),
    ...(Array.isArray(tool.allowed_domains) ? { allowedDomains: strings(tool.allowed_domains) } : {}),
    ...(Array.isArray(tool.blocked_domains) ? { blockedDomains: strings(tool.blocked_domains) } : {}),
    ...(maxUses === undefined ? {} : { maxUses }),
    native: { format: FORMAT, value: tool },
  };
}

export function decodeToolChoice(
  choice: JsonObject | undefined,
): Pick<ConversationRequest, "toolChoice" | "parallelToolCalls"> {
  if (choice === undefined) return {};
  const disabled = asBoolean(choice.disable_parallel_tool_use);
  const name = asString(choice.name);
  const parallel = disabled === undefined ? {} : { parallelToolCalls: !disabled };
  switch (choice.type) {
    case "auto":
      return { toolChoice: { type: "auto" }, ...parallel };
    case "any":
      return { toolChoice: { type: "required" }, ...parallel };
    case "none":
      return { toolChoice: { type: "none" }, ...parallel };
    case "tool":
      return name === undefined ? parallel : { toolChoice: { type: "tool", name }, ...parallel };
    default:
      return parallel;
  }
}

/** The wire's `tools`, and the MCP servers that OpenAI's clients declare among their tools. */
export interface EncodedTools {
  readonly tools: JsonObject[];
  readonly mcpServers: JsonObject[];
}

export function encodeTools(tools: readonly Tool[], context: RequestContext): EncodedTools {
  const encoded: EncodedTools = { tools: [], mcpServers: [] };
  tools.forEach((tool, index) => {
    switch (tool.type) {
      case "function":
        encoded.tools.push(encodeFunction(tool, index, context));
        return;
      case "custom":
        context.report.converted(`tools[${index}]`, "Anthropic has no free-text tools: a function with one string");
        encoded.tools.push({
          name: toolName(tool.name),
          ...(tool.description === undefined
            ? {}
            : { description: customDescription(tool.description, tool.inputFormat) }),
          input_schema: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
        });
        return;
      case "web-search":
        encoded.tools.push(encodeWebSearch(tool, index, context));
        return;
      case "opaque":
        encodeOpaque(tool.format, tool.value, index, context, encoded);
    }
  });
  return encoded;
}

function customDescription(description: string, format: JsonObject | undefined): string {
  const definition = asString(format?.definition);
  return definition === undefined ? description : `${description}\n\nGrammar of the input:\n${definition}`;
}

function encodeFunction(tool: FunctionTool, index: number, context: RequestContext): JsonObject {
  const name = toolName(tool.name);
  if (name !== tool.name) {
    context.report.renamed(`tools[${index}].name`, name, "Anthropic's names match [a-zA-Z0-9_-]{1,128}");
  }
  return {
    name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    input_schema: inputSchema(tool.parameters, `tools[${index}].parameters`, context.report),
    ...(tool.strict === undefined || tool.strict === null ? {} : { strict: tool.strict }),
    ...encodeCache(tool),
    ...ownNative(tool),
  };
}

/** `cache_control` of a part or tool. */
export function encodeCache(holder: { readonly cache?: { readonly ttl?: "5m" | "1h" } }): JsonObject {
  return holder.cache === undefined ? {} : { cache_control: { type: "ephemeral", ...holder.cache } };
}

function encodeWebSearch(tool: WebSearchTool, index: number, context: RequestContext): JsonObject {
  if (tool.native?.format === FORMAT) return tool.native.value;
  const maxUses = tool.maxUses ?? (tool.contextSize === undefined ? undefined : SEARCHES[tool.contextSize]);
  if (tool.maxUses !== undefined && tool.contextSize !== undefined) {
    context.report.dropped(
      `tools[${index}].search_context_size`,
      "Anthropic takes the number of searches, which is set",
    );
  } else if (tool.maxUses === undefined && maxUses !== undefined) {
    context.report.converted(
      `tools[${index}].search_context_size`,
      `Anthropic limits the number of searches: ${maxUses}`,
    );
  }
  const encoded: MutableJsonObject = { type: WEB_SEARCH, name: "web_search" };
  if (maxUses !== undefined) encoded.max_uses = maxUses;
  if (tool.allowedDomains !== undefined) encoded.allowed_domains = tool.allowedDomains;
  if (tool.blockedDomains !== undefined) encoded.blocked_domains = tool.blockedDomains;
  if (tool.userLocation !== undefined) {
    encoded.user_location = { type: "approximate", ...tool.userLocation };
  }
  return encoded;
}

function encodeOpaque(
  format: string,
  value: JsonObject,
  index: number,
  context: RequestContext,
  encoded: EncodedTools,
): void {
  const type = asString(value.type);
  if (format === FORMAT || (type !== undefined && isHostedTool(type))) encoded.tools.push(value);
  else if (type === "mcp" && typeof value.server_url === "string") encoded.mcpServers.push(encodeMcp(value));
  else context.report.unsupported(`tools[${index}]`, `Anthropic has no tool of type ${type ?? "unknown"}`);
}

/** An `mcp` tool of OpenAI's: https://platform.claude.com/docs/en/agents-and-tools/mcp-connector (2026-11) */
function encodeMcp(value: JsonObject): JsonObject {
  const authorization = asString(value.authorization) ?? asString(asObject(value.headers)?.Authorization);
  const allowed = Array.isArray(value.allowed_tools) ? value.allowed_tools : asObject(value.allowed_tools)?.tool_names;
  return {
    type: "url",
    url: value.server_url,
    name: asString(value.server_label) ?? "mcp",
    ...(authorization === undefined ? {} : { authorization_token: authorization.replace(/^Bearer /i, "") }),
    ...(allowed === undefined ? {} : { tool_configuration: { enabled: true, allowed_tools: allowed } }),
  };
}

/** The wire's `tool_choice`; undefined where the default says the same. */
export function encodeToolChoice(
  choice: ToolChoice | undefined,
  parallel: boolean | undefined,
  anyTools: boolean,
): JsonObject | undefined {
  const serial = parallel === undefined ? {} : { disable_parallel_tool_use: !parallel };
  switch (choice?.type) {
    case "auto":
      return { type: "auto", ...serial };
    case "required":
      return { type: "any", ...serial };
    case "none":
      return { type: "none" };
    case "tool":
      return { type: "tool", name: toolName(choice.name), ...serial };
    case "allowed":
      return { type: choice.mode === "required" ? "any" : "auto", ...serial };
    default:
      return parallel === false && anyTools ? { type: "auto", ...serial } : undefined;
  }
}
