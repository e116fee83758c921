import { asObject, isObject, type JsonObject } from "../../../src/json/json.ts";
import {
  first,
  halves,
  INPUT_TOKENS,
  OUTPUT_TOKENS,
  objects,
  type Reply,
  sse,
  strangeMember,
  type Wire,
} from "./wire.ts";

const REQUEST = [
  ..."model messages max_tokens system temperature top_p top_k stop_sequences stream tools tool_choice".split(" "),
  ..."metadata thinking output_config service_tier mcp_servers container context_management betas".split(" "),
];
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  text: ["type", "text", "cache_control", "citations"],
  image: ["type", "source", "cache_control"],
  document: ["type", "source", "cache_control", "title", "context", "citations"],
  thinking: ["type", "thinking", "signature"],
  redacted_thinking: ["type", "data"],
  tool_use: ["type", "id", "name", "input", "cache_control"],
  tool_result: ["type", "tool_use_id", "content", "is_error", "cache_control"],
  server_tool_use: ["type", "id", "name", "input", "cache_control"],
  web_search_tool_result: ["type", "tool_use_id", "content", "cache_control"],
};
const MEDIA_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/** Anthropic's Messages API: https://platform.claude.com/docs/en/api/messages (2026-11-24). */
export const anthropicWire: Wire = {
  complaint({ headers, path }, body, issued) {
    if (headers.get("anthropic-version") === null) return "anthropic-version: header is required";
    const extra = strangeMember(body, REQUEST);
    if (extra !== undefined) return `${extra}: Extra inputs are not permitted`;
    if (path.endsWith("/count_tokens"))
      return "max_tokens" in body ? "max_tokens: Extra inputs are not permitted" : undefined;
    const { max_tokens: maxTokens } = body;
    if (typeof maxTokens !== "number") return "max_tokens: Field required";
    if (maxTokens > 64_000)
      return `max_tokens: ${maxTokens} > 64000, which is the maximum allowed number of output tokens for ${body.model}`;
    return (
      checkThinking(body, maxTokens) ??
      first(objects(body.system), (block, index) => checkBlock(block, `system.${index}`, issued)) ??
      checkTools(body) ??
      checkMessages(body, issued) ??
      checkCacheMarks(body)
    );
  },
  streams: (_, body) => body.stream === true,
  whole(reply) {
    return {
      id: "msg_01XyZ",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-5-20250929",
      content: contentOf(reply),
      stop_reason: stopReason(reply),
      stop_sequence: null,
      usage: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS },
    };
  },
  stream(reply) {
    const events: { event: string; data: JsonObject }[] = [];
    const say = (event: string, members: JsonObject): void => {
      events.push({ event, data: { type: event, ...members } });
    };
    say("message_start", {
      message: {
        ...anthropicWire.whole({}),
        stop_reason: null,
        usage: { input_tokens: INPUT_TOKENS, output_tokens: 1 },
      },
    });
    say("ping", {});
    for (const [index, block] of contentOf(reply).entries()) {
      say("content_block_start", { index, content_block: emptied(block) });
      for (const delta of deltasOf(block)) say("content_block_delta", { index, delta });
      say("content_block_stop", { index });
    }
    say("message_delta", {
      delta: { stop_reason: stopReason(reply), stop_sequence: null },
      usage: { output_tokens: OUTPUT_TOKENS },
    });
    say("message_stop", {});
    return sse(events);
  },
  error(status, message, type = "invalid_request_error") {
    return Response.json({ type: "error", error: { type, message }, request_id: "req_011" }, { status });
  },
};

function contentOf({ thinking, text, calls }: Reply): JsonObject[] {
  return [
    ...(thinking === undefined
      ? []
      : [{ type: "thinking", thinking: thinking.text, signature: thinking.signature ?? "" }]),
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...(calls ?? []).map(({ id, name, arguments: json }) => ({
      type: "tool_use",
      id,
      name,
      input: asObject(JSON.parse(json)) ?? {},
    })),
  ];
}

function emptied(block: JsonObject): JsonObject {
  if (block.type === "tool_use") return { ...block, input: {} };
  return block.type === "thinking" ? { ...block, thinking: "", signature: "" } : { ...block, text: "" };
}

function deltasOf(block: JsonObject): JsonObject[] {
  if (block.type === "tool_use") {
    return ["", ...halves(JSON.stringify(block.input))].map((text) => ({
      type: "input_json_delta",
      partial_json: text,
    }));
  }
  if (block.type === "thinking") {
    const deltas: JsonObject[] = halves(String(block.thinking)).map((thinking) => ({
      type: "thinking_delta",
      thinking,
    }));
    return [...deltas, { type: "signature_delta", signature: block.signature ?? "" }];
  }
  return halves(String(block.text)).map((text) => ({ type: "text_delta", text }));
}

function stopReason({ calls, finish }: Reply): string {
  if (finish === "length") return "max_tokens";
  if (finish === "content-filter") return "refusal";
  return calls === undefined ? "end_turn" : "tool_use";
}

function isThinking(body: JsonObject): boolean {
  const type = asObject(body.thinking)?.type;
  return type === "enabled" || type === "adaptive";
}

function checkThinking(body: JsonObject, maxTokens: number): string | undefined {
  const thinking = asObject(body.thinking);
  if (thinking === undefined || !isThinking(body)) return undefined;
  const budget = thinking.budget_tokens;
  if (thinking.type === "enabled") {
    if (typeof budget !== "number" || budget < 1024)
      return "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
    if (budget >= maxTokens) return "`max_tokens` must be greater than `thinking.budget_tokens`.";
  }
  if (body.temperature !== undefined && body.temperature !== 1)
    return "`temperature` may only be set to 1 when thinking is enabled.";
  const choice = asObject(body.tool_choice)?.type;
  if (choice === "any" || choice === "tool") return "Thinking may not be enabled when tool_choice forces tool use.";
  return undefined;
}

function checkTools(body: JsonObject): string | undefined {
  const names = new Set<unknown>();
  const tools = objects(body.tools);
  if (body.tool_choice !== undefined && tools.length === 0)
    return "tool_choice: may only be specified while providing tools";
  return first(tools, (tool, index) => {
    const where = `tools.${index}`;
    if (names.has(tool.name)) return "tools: Tool names must be unique.";
    names.add(tool.name);
    if (tool.type !== undefined && tool.type !== "custom") return undefined;
    const extra = strangeMember(
      tool,
      "type name description input_schema cache_control strict eager_input_streaming defer_loading".split(" "),
    );
    if (extra !== undefined) return `${where}.custom.${extra}: Extra inputs are not permitted`;
    if (typeof tool.name !== "string" || !/^[a-zA-Z0-9_-]{1,128}$/.test(tool.name))
      return `${where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'`;
    const schema = asObject(tool.input_schema);
    if (schema?.type !== "object") return `${where}.custom.input_schema.type: Field required`;
    const combined = ["oneOf", "allOf", "anyOf"].find((key) => schema[key] !== undefined);
    return combined === undefined
      ? undefined
      : `${where}.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level`;
  });
}

function checkMessages(body: JsonObject, issued: ReadonlySet<string>): string | undefined {
  const messages = objects(body.messages);
  if (messages.length === 0) return "messages: at least one message is required";
  if (messages[0]?.role !== "user") return 'messages: first message must use the "user" role';
  return first(messages, (message, index) => {
    const where = `messages.${index}`;
    const last = index === messages.length - 1;
    const extra = strangeMember(message, ["role", "content"]);
    if (extra !== undefined) return `${where}.${extra}: Extra inputs are not permitted`;
    if (message.role !== "user" && message.role !== "assistant") return `${where}: Unexpected role "${message.role}".`;
    const { content } = message;
    if (!last && (content === "" || (Array.isArray(content) && content.length === 0)))
      return `${where}: all messages must have non-empty content except for the optional final assistant message`;
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : objects(content);
    const wrong = first(blocks, (block, at) => checkBlock(block, `${where}.content.${at}`, issued));
    if (wrong !== undefined) return wrong;
    if (message.role === "user") return checkResults(blocks, messages[index - 1], where);
    return checkAssistant(blocks, messages[index + 1], where, last, isThinking(body) && inLastStep(messages, index));
  });
}

/** Thinking must come back only with the calls that are being answered now. */
function inLastStep(messages: readonly JsonObject[], index: number): boolean {
  return messages.slice(index + 1).every(({ role, content }) => role !== "user" || hasOnlyResults(content));
}

function hasOnlyResults(content: unknown): boolean {
  return objects(content).some(({ type }) => type === "tool_result");
}

function checkAssistant(
  blocks: readonly JsonObject[],
  next: JsonObject | undefined,
  where: string,
  last: boolean,
  thinking: boolean,
): string | undefined {
  const calls = blocks.filter(({ type }) => type === "tool_use");
  const answered = objects(next?.content).flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : []));
  const open = calls.filter(({ id }) => !answered.includes(id)).map(({ id }) => id);
  if (open.length > 0)
    return `${where}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(", ")}.`;
  const begins = blocks[0]?.type;
  if (thinking && calls.length > 0 && begins !== "thinking" && begins !== "redacted_thinking")
    return `${where}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${begins}\`.`;
  const tail = blocks.at(-1);
  if (last && tail?.type === "text" && /\s$/.test(String(tail.text)))
    return "messages: final assistant content cannot end with trailing whitespace";
  return undefined;
}

function checkResults(
  blocks: readonly JsonObject[],
  before: JsonObject | undefined,
  where: string,
): string | undefined {
  const calls = objects(before?.content).flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  let other = false;
  return first(blocks, (block, at) => {
    if (block.type !== "tool_result") {
      other = true;
      return undefined;
    }
    if (!calls.includes(block.tool_use_id ?? ""))
      return `${where}.content.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${block.tool_use_id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    return other ? `${where}: \`tool_result\` blocks must come first in the message` : undefined;
  });
}

function checkBlock(block: JsonObject, where: string, issued: ReadonlySet<string>): string | undefined {
  const known = BLOCKS[String(block.type)];
  if (known === undefined)
    return `${where}: Input tag '${block.type}' found using 'type' does not match any of the expected tags`;
  const extra = strangeMember(block, known);
  if (extra !== undefined) return `${where}.${block.type}.${extra}: Extra inputs are not permitted`;
  switch (block.type) {
    case "text":
      if (typeof block.text !== "string" || block.text === "") return "messages: text content blocks must be non-empty";
      return block.text.trim() === "" ? "messages: text content blocks must contain non-whitespace text" : undefined;
    case "thinking":
      if (typeof block.signature !== "string") return `${where}.thinking.signature: Field required`;
      return issued.has(block.signature) ? undefined : `${where}: Invalid \`signature\` in \`thinking\` block`;
    case "redacted_thinking":
      return issued.has(String(block.data)) ? undefined : `${where}: Invalid \`data\` in \`redacted_thinking\` block`;
    case "tool_use":
      if (!/^[a-zA-Z0-9_-]+$/.test(String(block.id)))
        return `${where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`;
      return isObject(block.input) ? undefined : `${where}.tool_use.input: Input should be a valid dictionary`;
    case "tool_result":
      return first(objects(block.content), (inner, at) =>
        checkBlock(inner, `${where}.tool_result.content.${at}`, issued),
      );
    case "image":
      return checkSource(asObject(block.source) ?? {}, where);
    default:
      return undefined;
  }
}

function checkSource(source: JsonObject, where: string): string | undefined {
  if (source.type === "url") {
    return /^https:\/\//.test(String(source.url)) ? undefined : `${where}.source.url: Only HTTPS URLs are supported.`;
  }
  if (source.type === "file") return undefined;
  if (source.type !== "base64") return `${where}.image.source: Input tag '${source.type}' does not match`;
  if (!MEDIA_TYPES.includes(String(source.media_type)))
    return `${where}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'`;
  return typeof source.data === "string" && /^[A-Za-z0-9+/]+=*$/.test(source.data)
    ? undefined
    : `${where}.image.source.base64: invalid base64 data`;
}

function checkCacheMarks(body: JsonObject): string | undefined {
  const marks = JSON.stringify([body.system, body.messages, body.tools]).split('"cache_control":{').length - 1;
  return marks > 4 ? `A maximum of 4 blocks with cache_control may be provided. Found ${marks}.` : undefined;
}
