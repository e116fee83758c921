import { isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";

/** This format's id, which marks what only it understands. */
export const FORMAT = "anthropic-messages";

/** What this format keeps of something that the conversation has no word for. */
export interface Native {
  readonly native?: { readonly format: typeof FORMAT; readonly value: JsonObject };
}

/** The members that are not in `known`; nulls count as unset. Undefined where nothing is left. */
export function otherMembers(value: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: MutableJsonObject = {};
  for (const [name, member] of Object.entries(value)) {
    if (!known.has(name) && member !== null && member !== undefined) rest[name] = member;
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** The members that are not in `known`, as a part's `native`. */
export function nativeRest(value: JsonObject, known: ReadonlySet<string>): Native {
  const rest = otherMembers(value, known);
  return rest === undefined ? {} : { native: { format: FORMAT, value: rest } };
}

/** What this format kept there itself; empty where another format or nobody did. */
export function ownNative(holder: { readonly native?: { readonly format: string; readonly value: JsonObject } }): {
  readonly [name: string]: JsonObject[string];
} {
  return holder.native?.format === FORMAT ? holder.native.value : {};
}

/** Adds `additions` to `target`; objects on both sides are joined member by member, and `wins` says who wins. */
export function joinMembers(target: MutableJsonObject, additions: JsonObject, wins: "target" | "additions"): void {
  for (const [name, value] of Object.entries(additions)) {
    const standing = target[name];
    if (standing === undefined) target[name] = value;
    else if (isObject(standing) && isObject(value)) {
      target[name] = wins === "target" ? { ...value, ...standing } : { ...standing, ...value };
    } else if (wins === "additions") target[name] = value;
  }
}

/** Ids of tool calls match `[a-zA-Z0-9_-]+`; other characters become underscores, alike in a call and its result. */
export function toolId(id: string): string {
  const clean = id.replace(/[^a-zA-Z0-9_-]/g, "_");
  return clean === "" ? "call" : clean;
}

/** Names of tools match `[a-zA-Z0-9_-]{1,128}`. */
export function toolName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 128);
}

/** Where arguments that are no JSON object are kept, since `input` must be one. */
export const INVALID_JSON = "_invalid_json";

/** The tool whose forced call stands for JSON mode where a model has no structured output. */
export const JSON_TOOL = "json_tool_call";

/** Server tools of Anthropic's own, by how their `type` begins. */
const HOSTED = [
  "web_search_",
  "web_fetch_",
  "computer_",
  "browser_",
  "bash_",
  "text_editor_",
  "code_execution_",
  "memory_",
  "tool_search_",
  "mcp_toolset",
];

/** Whether a tool's type is one that Anthropic defines. */
export function isHostedTool(type: string): boolean {
  return HOSTED.some((prefix) => type.startsWith(prefix));
}
