import fc from "fast-check";
import type { JsonObject } from "../../../src/json/json.ts";

/** Text that is not blank, since the Messages API takes no blank blocks. */
const text = fc.string({ maxLength: 20, unit: "grapheme" }).map((value) => `${value}.`);
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const json = fc.dictionary(id, fc.oneof(fc.string(), fc.integer(), fc.boolean()), { maxKeys: 3 });

function optional<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined });
}

/** An object of which members that came out undefined are missing. */
function object(members: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<JsonObject> {
  return fc
    .record(members)
    .map(
      (value) => Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as JsonObject,
    );
}

const cache = optional(object({ type: fc.constant("ephemeral"), ttl: optional(fc.constantFrom("5m", "1h")) }));

const citation = fc.oneof(
  object({
    type: fc.constant("char_location"),
    cited_text: text,
    document_index: fc.nat(5),
    document_title: text,
    start_char_index: fc.nat(9),
    end_char_index: fc.nat(99),
  }),
  object({
    type: fc.constant("web_search_result_location"),
    cited_text: text,
    encrypted_index: id,
    title: text,
    url: fc.webUrl(),
  }),
);

const textBlock = object({
  type: fc.constant("text"),
  text,
  cache_control: cache,
  citations: optional(fc.array(citation, { minLength: 1, maxLength: 2 })),
});

const source = fc.oneof(
  object({ type: fc.constant("base64"), media_type: fc.constant("image/png"), data: fc.base64String() }),
  object({ type: fc.constant("url"), url: fc.webUrl() }),
  object({ type: fc.constant("file"), file_id: id }),
);

const imageBlock = object({
  type: fc.constant("image"),
  source,
  cache_control: cache,
  transformations: optional(fc.constant({ oversized_image: "downsize" })),
});

const documentBlock = object({
  type: fc.constant("document"),
  source: fc.oneof(
    object({ type: fc.constant("base64"), media_type: fc.constant("application/pdf"), data: fc.base64String() }),
    object({ type: fc.constant("text"), media_type: fc.constant("text/plain"), data: text }),
    object({ type: fc.constant("url"), url: fc.webUrl() }),
    object({ type: fc.constant("file"), file_id: id }),
    object({ type: fc.constant("content"), content: text }),
  ),
  title: optional(text),
  context: optional(text),
  citations: optional(object({ enabled: fc.boolean() })),
  cache_control: cache,
});

const searchResult = object({
  type: fc.constant("search_result"),
  source: fc.webUrl(),
  title: text,
  content: fc.array(object({ type: fc.constant("text"), text }), { minLength: 1, maxLength: 2 }),
});

const unknownBlock = object({ type: fc.constant("something_that_came_later"), member: json });

const thinkingBlock = object({ type: fc.constant("thinking"), thinking: fc.string(), signature: id });
const redactedBlock = object({ type: fc.constant("redacted_thinking"), data: id });

const toolUse = object({
  type: fc.constant("tool_use"),
  id,
  name: id,
  input: json,
  cache_control: cache,
  toolset_name: optional(fc.constant("browser")),
  caller: optional(fc.constant({ type: "code_execution_20250825", tool_id: "srvtoolu_1" })),
});

const serverToolUse = object({
  type: fc.constant("server_tool_use"),
  id,
  name: fc.constant("web_search"),
  input: json,
});

const toolResult = object({
  type: fc.constant("tool_result"),
  tool_use_id: id,
  content: optional(
    fc.oneof(text, fc.array(fc.oneof(textBlock, imageBlock, documentBlock, searchResult), { maxLength: 3 })),
  ),
  is_error: optional(fc.boolean()),
  cache_control: cache,
});

const user = fc
  .tuple(
    fc.array(toolResult, { maxLength: 3 }),
    fc.array(fc.oneof(textBlock, imageBlock, documentBlock, searchResult, unknownBlock), {
      minLength: 1,
      maxLength: 3,
    }),
  )
  .map(([results, rest]): JsonObject => ({ role: "user", content: [...results, ...rest] }));

/** Assistant turns in any order that a model may have chosen. */
const assistant = fc
  .array(fc.oneof(textBlock, thinkingBlock, redactedBlock, toolUse, serverToolUse, unknownBlock), {
    minLength: 1,
    maxLength: 5,
  })
  .map((content): JsonObject => ({ role: "assistant", content }));

const system = fc.record({
  role: fc.constant("system"),
  content: text.map((value) => [{ type: "text", text: value }]),
});

const schema = object({
  type: fc.constant("object"),
  properties: fc.dictionary(id, object({ type: fc.constantFrom("string", "integer"), description: optional(text) })),
  required: optional(fc.array(id, { maxLength: 2 })),
});

const tool = fc.oneof(
  object({
    name: id,
    description: optional(fc.string()),
    input_schema: schema,
    strict: optional(fc.boolean()),
    defer_loading: optional(fc.boolean()),
    input_examples: optional(fc.array(json, { maxLength: 2 })),
    cache_control: cache,
  }),
  object({
    type: fc.constantFrom("web_search_20250305", "web_search_20260318"),
    name: fc.constant("web_search"),
    max_uses: optional(fc.nat(5)),
    allowed_domains: optional(fc.array(fc.domain(), { maxLength: 2 })),
    user_location: optional(object({ type: fc.constant("approximate"), city: text })),
  }),
  object({ type: fc.constantFrom("bash_20250124", "code_execution_20260120"), name: id, cache_control: cache }),
);

const serial = { disable_parallel_tool_use: optional(fc.boolean()) };

/** Bodies of `POST /v1/messages` for a model of the newest family, which takes everything. */
export const requestBodies: fc.Arbitrary<JsonObject> = object({
  model: fc.constant("claude-sonnet-5"),
  max_tokens: fc.integer({ min: 1, max: 128_000 }),
  messages: fc
    .array(fc.oneof(user, assistant, system), { minLength: 1, maxLength: 5 })
    .map((messages) => [...messages, { role: "user", content: "go on" }]),
  system: optional(
    fc.oneof(
      text,
      fc.array(object({ type: fc.constant("text"), text, cache_control: cache }), { minLength: 1, maxLength: 2 }),
    ),
  ),
  tools: optional(fc.array(tool, { minLength: 1, maxLength: 3 })),
  tool_choice: optional(
    fc.oneof(
      object({ type: fc.constantFrom("auto", "any"), ...serial }),
      object({ type: fc.constant("tool"), name: id, ...serial }),
      object({ type: fc.constant("none") }),
    ),
  ),
  temperature: optional(fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs)),
  top_p: optional(fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs)),
  top_k: optional(fc.nat(100)),
  stop_sequences: optional(fc.array(text, { minLength: 1, maxLength: 2 })),
  stream: optional(fc.boolean()),
  thinking: optional(
    fc.oneof(
      object({ type: fc.constant("adaptive"), display: optional(fc.constantFrom("summarized", "omitted")) }),
      fc.constantFrom({ type: "disabled" }, { type: "between_tools" }),
    ),
  ),
  output_config: optional(
    object({
      effort: optional(fc.constantFrom("low", "medium", "high", "xhigh", "max")),
      format: optional(
        fc.constant({
          type: "json_schema",
          schema: {
            type: "object",
            properties: { a: { type: "string" } },
            required: ["a"],
            additionalProperties: false,
          },
        }),
      ),
      task_budget: optional(fc.constant({ type: "tokens", total: 5 })),
    }).filter((config) => Object.keys(config).length > 0),
  ),
  metadata: optional(object({ user_id: fc.oneof(id, fc.constant("someone@example.com")) })),
  service_tier: optional(fc.constantFrom("auto", "standard_only")),
  container: optional(fc.oneof(id, object({ id, skills: fc.constant([{ type: "anthropic", skill_id: "pdf" }]) }))),
  context_management: optional(fc.constant({ edits: [{ type: "clear_tool_uses_20250919" }] })),
  mcp_servers: optional(fc.constant([{ type: "url", url: "https://mcp.example.com", name: "mcp" }])),
  speed: optional(fc.constant("fast")),
  cache_control: cache,
});
