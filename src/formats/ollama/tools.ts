import type { JsonObject } from "../../json/json.ts";
import type { Tool, ToolChoice } from "../conversation.ts";
import type { ParameterReport } from "../report.ts";

/** Tools as Ollama takes them. It knows no tool choice: `none` sends no tools, a choice of some sends only these. */
export function encodeTools(
  tools: readonly Tool[],
  choice: ToolChoice | undefined,
  report: ParameterReport,
): JsonObject[] {
  if (choice?.type === "none") {
    if (tools.length > 0) report.converted("tool_choice", "Ollama knows no tool choice: no tools are sent");
    return [];
  }
  if (mustCall(choice)) report.unsupported("tool_choice", "Ollama cannot be made to call a tool");
  if (choice?.type === "allowed") report.converted("tool_choice", "only the tools that may be called are sent");
  const names = choice?.type === "tool" ? [choice.name] : choice?.type === "allowed" ? choice.names : undefined;
  return tools
    .filter((tool) => names === undefined || !("name" in tool) || names.includes(tool.name))
    .flatMap((tool) => encodeTool(tool, report));
}

function mustCall(choice: ToolChoice | undefined): boolean {
  return (
    choice?.type === "required" || choice?.type === "tool" || (choice?.type === "allowed" && choice.mode === "required")
  );
}

function encodeTool(tool: Tool, report: ParameterReport): JsonObject[] {
  switch (tool.type) {
    case "function":
      return [functionTool(tool.name, tool.description, tool.parameters ?? { type: "object", properties: {} })];
    case "custom":
      report.converted("tools", "Ollama has no free-text tools; it takes one string argument 'input'");
      return [
        functionTool(tool.name, tool.description, {
          type: "object",
          properties: { input: { type: "string" } },
          required: ["input"],
        }),
      ];
    case "web-search":
      return [];
    case "opaque":
      report.unsupported("tools", `a tool that only ${tool.format} knows`);
      return [];
  }
}

function functionTool(name: string, description: string | undefined, parameters: JsonObject): JsonObject {
  return {
    type: "function",
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  };
}
