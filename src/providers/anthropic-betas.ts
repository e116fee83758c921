import { asArray, asObject, asString, type Json, type JsonObject } from "../json/json.ts";

/** Tool type → the beta it belongs to. https://platform.claude.com/docs/en/api/beta-headers (2026-11-24) */
const TOOL_BETAS: Readonly<Record<string, string>> = {
  computer_20241022: "computer-use-2024-10-22",
  computer_20250124: "computer-use-2025-01-24",
  computer_20251124: "computer-use-2025-11-24",
  code_execution_20250522: "code-execution-2025-05-22",
  code_execution_20250825: "code-execution-2025-08-25",
  web_fetch_20250910: "web-fetch-2025-09-10",
  memory_20250818: "context-management-2025-06-27",
  tool_search_tool_regex_20251119: "advanced-tool-use-2025-11-20",
  tool_search_tool_bm25_20251119: "advanced-tool-use-2025-11-20",
  mcp_toolset: "mcp-client-2025-11-20",
};

/** The betas without which Anthropic refuses what the body holds. */
export function anthropicBetas(body: JsonObject, model: string): string[] {
  const betas = new Set<string>();
  const tools = asArray(body.tools);
  for (const tool of tools) {
    const type = asString(asObject(tool)?.type);
    const beta = type === undefined ? undefined : TOOL_BETAS[type];
    if (beta !== undefined) betas.add(beta);
    if (asObject(tool)?.defer_loading === true) betas.add("advanced-tool-use-2025-11-20");
  }
  if (body.mcp_servers !== undefined && !betas.has("mcp-client-2025-11-20")) betas.add("mcp-client-2025-04-04");
  if (body.output_format !== undefined) betas.add("structured-outputs-2025-11-13");
  if (body.context_management !== undefined) betas.add("context-management-2025-06-27");
  if (asObject(body.container)?.skills !== undefined) betas.add("skills-2025-10-02");
  const effort = asObject(body.output_config)?.effort;
  // Later models take `effort` without a beta.
  if (effort !== undefined && model.includes("opus-4-5")) betas.add("effort-2025-11-24");
  if (usesFiles(body)) betas.add("files-api-2025-04-14");
  return [...betas];
}

function usesFiles(body: JsonObject): boolean {
  return asArray(body.messages).some((message) => {
    const content = asObject(message)?.content;
    return Array.isArray(content) && content.some(isFileBlock);
  });
}

function isFileBlock(block: Json): boolean {
  const held = asObject(block);
  if (held === undefined) return false;
  if (asObject(held.source)?.type === "file" || held.type === "container_upload") return true;
  const inner = held.content;
  return Array.isArray(inner) && inner.some(isFileBlock);
}
