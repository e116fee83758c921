import { asObject, type JsonObject } from "../../../src/json/json.ts";
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
  ..."model input instructions max_output_tokens temperature top_p top_logprobs stream stream_options tools".split(" "),
  ..."tool_choice parallel_tool_calls text reasoning include store metadata user safety_identifier".split(" "),
  ..."service_tier prompt_cache_key prompt_cache_retention previous_response_id truncation background".split(" "),
  ..."conversation prompt max_tool_calls context_management".split(" "),
];
const ITEM: Readonly<Record<string, readonly string[]>> = {
  message: ["type", "role", "content", "id", "status", "phase"],
  function_call: ["type", "id", "call_id", "name", "arguments", "status", "namespace"],
  function_call_output: ["type", "id", "call_id", "output", "status"],
  reasoning: ["type", "id", "summary", "content", "encrypted_content", "status"],
  custom_tool_call: ["type", "id", "call_id", "name", "input"],
  custom_tool_call_output: ["type", "id", "call_id", "output"],
  item_reference: ["type", "id"],
};
const PREFIX: Readonly<Record<string, string>> = { message: "msg", function_call: "fc", reasoning: "rs" };

/** OpenAI's Responses: https://developers.openai.com/api/reference/resources/responses (2026-11-24). */
export const openaiResponsesWire: Wire = {
  complaint({ headers }, body, issued) {
    if (headers.get("authorization")?.startsWith("Bearer ") !== true) return "You didn't provide an API key.";
    const extra = strangeMember(body, REQUEST);
    if (extra !== undefined) return `Unknown parameter: '${extra}'.`;
    if (typeof body.user === "string" && body.user.length > 64) return "Invalid 'user': string too long.";
    if (typeof body.max_output_tokens === "number" && body.max_output_tokens < 16)
      return "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
    return checkTools(body) ?? checkInput(body, issued);
  },
  streams: (_, body) => body.stream === true,
  whole(reply) {
    return {
      ...head(),
      status: statusOf(reply),
      incomplete_details: details(reply),
      output: outputOf(reply),
      usage: usage(),
    };
  },
  stream(reply) {
    const events: { event: string; data: JsonObject }[] = [];
    const say = (event: string, members: JsonObject): void => {
      events.push({ event, data: { type: event, sequence_number: events.length, ...members } });
    };
    const unfinished = { ...head(), status: "in_progress", output: [] };
    say("response.created", { response: unfinished });
    say("response.in_progress", { response: unfinished });
    const output = outputOf(reply);
    for (const [output_index, item] of output.entries()) streamItem(item, output_index, say);
    const kind = statusOf(reply) === "incomplete" ? "response.incomplete" : "response.completed";
    say(kind, { response: openaiResponsesWire.whole(reply) });
    return sse(events);
  },
  error(status, message, type = "invalid_request_error") {
    return Response.json({ error: { message, type, param: null, code: null } }, { status });
  },
};

function streamItem(item: JsonObject, output_index: number, say: (event: string, members: JsonObject) => void): void {
  const at = { item_id: item.id as string, output_index };
  if (item.type === "message") {
    const part = objects(item.content)[0] ?? {};
    say("response.output_item.added", { output_index, item: { ...item, status: "in_progress", content: [] } });
    say("response.content_part.added", { ...at, content_index: 0, part: { ...part, text: "" } });
    for (const delta of halves(String(part.text)))
      say("response.output_text.delta", { ...at, content_index: 0, delta, logprobs: [] });
    say("response.output_text.done", { ...at, content_index: 0, text: part.text ?? "", logprobs: [] });
    say("response.content_part.done", { ...at, content_index: 0, part });
  } else if (item.type === "function_call") {
    say("response.output_item.added", { output_index, item: { ...item, status: "in_progress", arguments: "" } });
    for (const delta of halves(String(item.arguments))) say("response.function_call_arguments.delta", { ...at, delta });
    say("response.function_call_arguments.done", { ...at, arguments: item.arguments ?? "", name: item.name ?? "" });
  } else {
    const part = objects(item.summary)[0] ?? {};
    say("response.output_item.added", { output_index, item: { ...item, summary: [] } });
    say("response.reasoning_summary_part.added", { ...at, summary_index: 0, part: { ...part, text: "" } });
    for (const delta of halves(String(part.text)))
      say("response.reasoning_summary_text.delta", { ...at, summary_index: 0, delta });
    say("response.reasoning_summary_text.done", { ...at, summary_index: 0, text: part.text ?? "" });
    say("response.reasoning_summary_part.done", { ...at, summary_index: 0, part });
  }
  say("response.output_item.done", { output_index, item });
}

function head(): JsonObject {
  return {
    id: "resp_1",
    object: "response",
    created_at: 1_764_000_000,
    model: "gpt-5-2025-08-07",
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
  };
}

function statusOf({ finish }: Reply): string {
  return finish === "length" || finish === "content-filter" ? "incomplete" : "completed";
}

function details({ finish }: Reply): JsonObject | null {
  if (finish === "length") return { reason: "max_output_tokens" };
  return finish === "content-filter" ? { reason: "content_filter" } : null;
}

function usage(): JsonObject {
  return {
    input_tokens: INPUT_TOKENS,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: OUTPUT_TOKENS,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
  };
}

function outputOf({ thinking, text, calls }: Reply): JsonObject[] {
  const items: JsonObject[] = [];
  if (thinking !== undefined) {
    const seal = thinking.signature === undefined ? {} : { encrypted_content: thinking.signature };
    items.push({ id: "rs_1", type: "reasoning", summary: [{ type: "summary_text", text: thinking.text }], ...seal });
  }
  if (text !== undefined) {
    const content = [{ type: "output_text", text, annotations: [], logprobs: [] }];
    items.push({ id: "msg_1", type: "message", status: "completed", role: "assistant", content });
  }
  for (const [index, { id, name, arguments: json }] of (calls ?? []).entries()) {
    items.push({ id: `fc_${index}`, type: "function_call", status: "completed", call_id: id, name, arguments: json });
  }
  return items;
}

function checkTools(body: JsonObject): string | undefined {
  return first(objects(body.tools), (tool, index) => {
    if (tool.type !== "function") return undefined;
    const extra = strangeMember(tool, ["type", "name", "description", "parameters", "strict"]);
    if (extra !== undefined) return `Unknown parameter: 'tools[${index}].${extra}'.`;
    if (!/^[a-zA-Z0-9_-]{1,64}$/.test(String(tool.name)))
      return `Invalid 'tools[${index}].name': string does not match pattern.`;
    // Strict is the default here.
    return tool.strict !== false &&
      asObject(tool.parameters)?.additionalProperties !== false &&
      tool.strict !== null &&
      tool.strict !== undefined
      ? `Invalid schema for function '${tool.name}': In context=(), 'additionalProperties' is required to be supplied and to be false.`
      : undefined;
  });
}

function checkInput(body: JsonObject, issued: ReadonlySet<string>): string | undefined {
  if (typeof body.input === "string") return undefined;
  const items = objects(body.input);
  if (items.length === 0 && body.previous_response_id === undefined) return "Missing required parameter: 'input'.";
  const called = new Set<unknown>();
  const answered = new Set(items.flatMap((item) => (item.type === "function_call_output" ? [item.call_id] : [])));
  return first(items, (item, index) => {
    const type = String(item.type ?? "message");
    const known = ITEM[type];
    if (known === undefined) return `Invalid value: '${type}'. Supported values are: 'message', 'function_call' …`;
    const extra = strangeMember(item, known);
    if (extra !== undefined) return `Unknown parameter: 'input[${index}].${extra}'.`;
    const prefix = PREFIX[type];
    if (typeof item.id === "string" && prefix !== undefined && !item.id.startsWith(prefix))
      return `Invalid 'input[${index}].id': '${item.id}'. Expected an ID that begins with '${prefix}'.`;
    switch (type) {
      case "message":
        return checkContent(item, index);
      case "function_call":
        if (typeof item.arguments !== "string" || String(item.call_id).length > 64) return `Invalid 'input[${index}]'.`;
        called.add(item.call_id);
        return answered.has(item.call_id) ? undefined : `No tool output found for function call ${item.call_id}.`;
      case "function_call_output":
        return called.has(item.call_id)
          ? undefined
          : `No tool call found for function call output with call_id ${item.call_id}.`;
      case "reasoning":
        if (!Array.isArray(item.summary)) return `Missing required parameter: 'input[${index}].summary'.`;
        if (typeof item.encrypted_content === "string" && !issued.has(item.encrypted_content))
          return "The encrypted content for item could not be verified.";
        if (item.encrypted_content === undefined || item.encrypted_content === null)
          return `Item with id '${item.id}' not found. Items are not persisted when \`store\` is set to false.`;
        return ["message", "function_call", "reasoning"].includes(String(items[index + 1]?.type)) &&
          items[index + 1]?.role !== "user"
          ? undefined
          : `Item '${item.id}' of type 'reasoning' was provided without its required following item.`;
      default:
        return undefined;
    }
  });
}

function checkContent(item: JsonObject, index: number): string | undefined {
  const allowed = item.role === "assistant" ? ["output_text", "refusal"] : ["input_text", "input_image", "input_file"];
  return first(objects(item.content), (part, at) => {
    if (!allowed.includes(String(part.type)))
      return `Invalid value: '${part.type}'. Supported values are: ${allowed.map((name) => `'${name}'`).join(" and ")}.`;
    const extra = strangeMember(
      part,
      "type text image_url file_id detail filename file_data file_url annotations logprobs refusal".split(" "),
    );
    return extra === undefined ? undefined : `Unknown parameter: 'input[${index}].content[${at}].${extra}'.`;
  });
}
