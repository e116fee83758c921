import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asArray,
  asBoolean,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { CustomTool, FunctionTool, Tool, ToolChoice, WebSearchTool } from "../conversation.ts";
import type { ParameterReport } from "../report.ts";
import { FORMAT, nativeValue, otherMembers, withNative } from "./wire.ts";

const FUNCTION_MEMBERS = new Set(["type", "name", "description", "parameters", "strict"]);
const CUSTOM_MEMBERS = new Set(["type", "name", "description", "format"]);
const WEB_SEARCH = /^web_search/;

/** `tools` → tools; hosted ones are kept whole. Throws for entries that are no objects or functions without a name. */
export function decodeTools(value: Json | undefined): Tool[] {
  return asArray(value).map((tool, index) => {
    const param = `tools[${index}]`;
    if (!isObject(tool)) throw new GatewayError("invalid_request", `${param} must be an object.`, { param });
    return decodeTool(tool, param);
  });
}

function decodeTool(tool: JsonObject, where: string): Tool {
  const type = asString(tool.type);
  if (type === "function" || type === "custom") {
    // Clients of Chat Completions nest the definition.
    const definition = asObject(tool[type]) ?? tool;
    const name = asString(definition.name);
    if (name === undefined) {
      const param = `${where}.name`;
      throw new GatewayError("invalid_request", `Missing required parameter: '${param}'.`, { param });
    }
    return type === "function" ? decodeFunction(definition, name) : decodeCustom(definition, name);
  }
  if (type !== undefined && WEB_SEARCH.test(type)) return decodeWebSearch(tool);
  return { type: "opaque", format: FORMAT, value: tool };
}

function decodeFunction(definition: JsonObject, name: string): FunctionTool {
  const description = asString(definition.description);
  const parameters = asObject(definition.parameters);
  const strict = asBoolean(definition.strict);
  const rest = otherMembers(definition, FUNCTION_MEMBERS);
  return {
    type: "function",
    name,
    ...(description === undefined ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(strict === undefined ? {} : { strict }),
    // Unset means strict here and not strict elsewhere: the mark keeps it unset.
    ...withNative(strict === undefined ? (rest ?? {}) : rest),
  };
}

function decodeCustom(definition: JsonObject, name: string): CustomTool {
  const description = asString(definition.description);
  const inputFormat = asObject(definition.format);
  return {
    type: "custom",
    name,
    ...(description === undefined ? {} : { description }),
    ...(inputFormat === undefined ? {} : { inputFormat }),
    ...withNative(otherMembers(definition, CUSTOM_MEMBERS)),
  };
}

function decodeWebSearch(tool: JsonObject): WebSearchTool {
  const size = tool.search_context_size;
  const location = asObject(tool.user_location);
  const filters = asObject(tool.filters);
  const domains = (name: string): string[] => asArray(filters?.[name]).filter((item) => typeof item === "string");
  const allowed = domains("allowed_domains");
  const blocked = domains("blocked_domains");
  return {
    type: "web-search",
    ...(size === "low" || size === "medium" || size === "high" ? { contextSize: size } : {}),
    ...(location === undefined ? {} : { userLocation: location }),
    ...(allowed.length === 0 ? {} : { allowedDomains: allowed }),
    ...(blocked.length === 0 ? {} : { blockedDomains: blocked }),
    ...withNative(tool),
  };
}

/** Tools → `tools`. */
export function encodeTools(tools: readonly Tool[], report?: ParameterReport): JsonObject[] {
  return tools.flatMap((tool, index) => {
    switch (tool.type) {
      case "function":
        return [encodeFunction(tool)];
      case "custom":
        return [
          {
            type: "custom",
            name: tool.name,
            ...(tool.description === undefined ? {} : { description: tool.description }),
            ...(tool.inputFormat === undefined ? {} : { format: flatGrammar(tool.inputFormat) }),
            ...nativeValue(tool),
          },
        ];
      case "web-search":
        return [encodeWebSearch(tool, report)];
      case "opaque":
        if (tool.format === FORMAT) return [tool.value];
        report?.unsupported(`tools[${index}]`, `a tool that only ${tool.format} knows`);
        return [];
    }
    return [];
  });
}

function encodeFunction(tool: FunctionTool): JsonObject {
  const native = nativeValue(tool);
  // Functions are strict by default in this API and not in the others (OpenAI, Migrate to the Responses API, 2026-11).
  const strict = tool.strict ?? (native === undefined ? false : undefined);
  return {
    type: "function",
    name: tool.name,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    parameters: tool.parameters ?? { type: "object", properties: {} },
    ...(strict === undefined ? {} : { strict }),
    ...native,
  };
}

/** Chat Completions nests the grammar one level deeper. */
function flatGrammar(format: JsonObject): JsonObject {
  const grammar = asObject(format.grammar);
  return grammar === undefined ? format : { type: "grammar", ...grammar };
}

function encodeWebSearch(tool: WebSearchTool, report: ParameterReport | undefined): JsonObject {
  const native = nativeValue(tool);
  if (native !== undefined) return native;
  if (tool.maxUses !== undefined) report?.dropped("tools.max_uses", "the Responses API does not limit searches");
  const location = asObject(tool.userLocation?.approximate);
  const filters: MutableJsonObject = {};
  if (tool.allowedDomains !== undefined) filters.allowed_domains = tool.allowedDomains;
  if (tool.blockedDomains !== undefined) filters.blocked_domains = tool.blockedDomains;
  return {
    type: "web_search",
    ...(tool.contextSize === undefined ? {} : { search_context_size: tool.contextSize }),
    ...(tool.userLocation === undefined
      ? {}
      : { user_location: location === undefined ? tool.userLocation : { type: "approximate", ...location } }),
    ...(Object.keys(filters).length === 0 ? {} : { filters }),
  };
}

/** `tool_choice`; undefined for a hosted tool's choice, which only this format can say. Throws for what is no choice. */
export function decodeToolChoice(value: Json | undefined): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === "auto" || value === "none" || value === "required") return { type: value };
  const choice = asObject(value);
  const type = asString(choice?.type);
  if (choice === undefined || type === undefined) {
    throw new GatewayError("invalid_request", "tool_choice must be auto, none, required or an object with a type.", {
      param: "tool_choice",
    });
  }
  if (type === "function" || type === "custom") {
    const name = asString(choice.name) ?? asString(asObject(choice[type])?.name);
    if (name === undefined) {
      throw new GatewayError("invalid_request", "Missing required parameter: 'tool_choice.name'.", {
        param: "tool_choice.name",
      });
    }
    return { type: "tool", name, ...(type === "custom" ? { kind: "custom" as const } : {}) };
  }
  if (type === "allowed_tools") {
    const entries = asArray(choice.tools).map((tool) => asString(asObject(tool)?.name));
    const names = entries.filter((name) => name !== undefined);
    if (names.length < entries.length) return undefined;
    return { type: "allowed", mode: choice.mode === "required" ? "required" : "auto", names };
  }
  return undefined;
}

/** A choice as `tool_choice`; `tools` tell functions from custom tools. */
export function encodeToolChoice(choice: ToolChoice, tools: readonly Tool[]): Json {
  const typeOf = (name: string): string =>
    tools.some((tool) => tool.type === "custom" && tool.name === name) ? "custom" : "function";
  switch (choice.type) {
    case "tool":
      return { type: choice.kind ?? typeOf(choice.name), name: choice.name };
    case "allowed":
      return {
        type: "allowed_tools",
        mode: choice.mode,
        tools: choice.names.map((name) => ({ type: typeOf(name), name })),
      };
    default:
      return choice.type;
  }
}
