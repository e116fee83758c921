import { asArray, asString, isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { inputSchema } from "../anthropic-messages/input-schema.ts";
import { outputSchema } from "../anthropic-messages/output-schema.ts";
import type { EncodedThinking } from "../anthropic-messages/thinking.ts";
import type { ConversationRequest, ResponseFormat, Tool, ToolChoice } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ModelTraits } from "./model-traits.ts";
import { cachePoint, FORMAT, ownNative, wireName } from "./types.ts";

/** The tool whose forced call stands for JSON mode where a model has no structured output. */
export const JSON_TOOL = "json_tool_call";

/** Writes `toolConfig` and `outputConfig`; Claude's ban on parallel calls goes to the model's own fields. */
export function encodeToolConfig(
  body: MutableJsonObject,
  additional: MutableJsonObject,
  request: ConversationRequest,
  traits: ModelTraits,
  thinking: EncodedThinking,
  context: RequestContext,
): void {
  const { report } = context;
  const own = request.extensions?.format === FORMAT;
  const choice = request.toolChoice;
  const tools = encodeTools(request, traits, context);
  const used = mentionsTools(asArray(body.messages).filter(isObject));
  if (tools.length === 0 && used && context.modifyParams) {
    report.converted("tools", "Converse wants tools declared where the history used them: a stand-in was added");
    tools.push(toolSpec("unavailable", "Do not call.", { type: "object", properties: {} }));
  }
  let encoded = encodeChoice(choice, traits);
  const format = request.responseFormat;
  const json = format === undefined ? undefined : encodeResponseFormat(body, format, traits, context);
  if (json !== undefined) {
    const free = tools.length > 0 && choice?.type !== "none";
    encoded = free ? { any: {} } : { tool: { name: JSON_TOOL } };
    tools.push(json);
  }
  const thinks = thinking.thinking !== undefined && thinking.thinking.type !== "disabled";
  const forced = encoded !== undefined && encoded.auto === undefined;
  if (forced && !own && (thinks || !traits.forcedChoice)) {
    const reason = thinks ? "with thinking on, no call can be forced" : `${context.model} cannot be forced to call`;
    if (json === undefined) report.unsupported("tool_choice", reason);
    else report.converted("response_format", `${reason}: the model is free to answer otherwise`);
    encoded = undefined;
  }
  if (tools.length === 0) return;
  if (choice?.type === "none" && json === undefined) {
    if (!used) {
      report.converted("tool_choice", "Converse has no none: the tools were left out");
      return;
    }
    report.dropped("tool_choice", "Converse has no none, and the history's calls need their tools");
  }
  if (request.parallelToolCalls === false) {
    if (traits.kind === "claude") {
      additional.tool_choice = { ...anthropicChoice(encoded), disable_parallel_tool_use: true };
      encoded = undefined;
    } else report.unsupported("parallel_tool_calls", `${context.model} cannot be kept from parallel calls`);
  }
  body.toolConfig = { tools, ...(encoded === undefined ? {} : { toolChoice: encoded }) };
}

function encodeTools(request: ConversationRequest, traits: ModelTraits, context: RequestContext): JsonObject[] {
  const { report } = context;
  const choice = request.toolChoice;
  if (choice?.type === "allowed") {
    report.converted("tool_choice", "Converse has no list of allowed tools: the others were left out");
  }
  return (request.tools ?? []).flatMap((tool, index): JsonObject[] => {
    const where = `tools[${index}]`;
    if (tool.type === "web-search") {
      // https://docs.aws.amazon.com/nova/latest/nova2-userguide/using-tools.html (2026-11)
      if (traits.kind === "nova-2") return [{ systemTool: { name: "nova_grounding" } }];
      report.unsupported(where, `${context.model} does not search the web over Converse`);
      return [];
    }
    if (tool.type === "opaque") {
      if (tool.format === FORMAT) return [tool.value];
      report.unsupported(where, `Converse has no tool of type ${asString(tool.value.type) ?? "unknown"}`);
      return [];
    }
    if (choice?.type === "allowed" && !choice.names.includes(tool.name)) return [];
    const spec = encodeTool(tool, where, context);
    if (tool.type !== "function" || tool.cache === undefined) return [spec];
    if (traits.caches) return [spec, cachePoint(tool.cache)];
    report.dropped(`${where}.cache_control`, `${context.model} takes no cache points`);
    return [spec];
  });
}

function encodeTool(
  tool: Extract<Tool, { type: "function" | "custom" }>,
  where: string,
  context: RequestContext,
): JsonObject {
  const name = wireName(tool.name);
  if (name !== tool.name) context.report.renamed(`${where}.name`, name, "Bedrock's names match [a-zA-Z0-9_-]{1,64}");
  if (tool.type === "custom") {
    context.report.converted(where, "Converse has no free-text tools: a function with one string");
    const schema = { type: "object", properties: { input: { type: "string" } }, required: ["input"] };
    return toolSpec(name, tool.description, schema);
  }
  const schema = inputSchema(tool.parameters, `${where}.parameters`, context.report);
  return toolSpec(name, tool.description, schema, {
    ...(tool.strict === undefined ? {} : { strict: tool.strict }),
    ...ownNative(tool),
  });
}

/** An empty description is refused. */
function toolSpec(
  name: string,
  description: string | undefined,
  schema: JsonObject,
  more: JsonObject = {},
): JsonObject {
  const described = description === undefined || description === "" ? {} : { description };
  return { toolSpec: { name, ...described, inputSchema: { json: schema }, ...more } };
}

function encodeChoice(choice: ToolChoice | undefined, traits: ModelTraits): JsonObject | undefined {
  switch (choice?.type) {
    case "auto":
      // What `auto` says is the default, and some models refuse the field.
      return traits.forcedChoice ? { auto: {} } : undefined;
    case "required":
      return { any: {} };
    case "tool":
      return { tool: { name: wireName(choice.name) } };
    case "allowed":
      return choice.mode === "required" ? { any: {} } : undefined;
    default:
      return undefined;
  }
}

/** The choice in Anthropic's words, which alone can ban parallel calls. */
function anthropicChoice(choice: JsonObject | undefined): JsonObject {
  if (isObject(choice?.tool)) return { type: "tool", name: choice.tool.name };
  return { type: choice?.any === undefined ? "auto" : "any" };
}

function mentionsTools(messages: readonly JsonObject[]): boolean {
  return messages.some((message) =>
    asArray(message.content).some((block) => isObject(block) && (block.toolUse ?? block.toolResult) !== undefined),
  );
}

/** Structured output where the model has it; otherwise the tool whose call is the answer. */
function encodeResponseFormat(
  body: MutableJsonObject,
  format: ResponseFormat,
  traits: ModelTraits,
  context: RequestContext,
): JsonObject | undefined {
  if (format.type === "text") return undefined;
  const { report } = context;
  if (format.type === "json-schema" && traits.structuredOutput && context.capabilities.responseSchema !== false) {
    const schema = outputSchema(format.schema, "response_format", report);
    if (schema !== undefined) {
      const jsonSchema: MutableJsonObject = {
        schema: JSON.stringify(schema),
        name: wireName(format.name ?? "response"),
      };
      if (format.description !== undefined) jsonSchema.description = format.description;
      body.outputConfig = { textFormat: { type: "json_schema", structure: { jsonSchema } } };
      return undefined;
    }
  }
  report.converted("response_format", `a tool, ${JSON_TOOL}, whose call becomes the answer`);
  const description = format.type === "json-schema" ? format.description : undefined;
  return toolSpec(
    JSON_TOOL,
    description ?? "Gives the answer as JSON. Call it once, with the whole answer.",
    format.type === "json-schema"
      ? inputSchema(format.schema, "response_format", report)
      : { type: "object", properties: {}, additionalProperties: true },
  );
}
