import { EXPRESSIBLE as VERSION_2 } from "../cohere/expressible.ts";
import { all, dropped, type Expressible, part, refused } from "../expressible.ts";

const TEXT = "version 1 takes text";
const THINKING = "version 1 knows no thinking";

/** What a request of `/v1/chat` can say (https://docs.cohere.com/v1/reference/chat, 2026-11-24). */
export const EXPRESSIBLE: Expressible = {
  ...VERSION_2,
  "messages.image:url": refused(TEXT),
  "messages.image:base64": refused(TEXT),
  "messages.image:file-id": refused(TEXT),
  "messages.image:text": refused(TEXT),
  "messages.image.detail": dropped(TEXT),
  "messages.audio:url": refused(TEXT),
  "messages.audio:base64": refused(TEXT),
  "messages.audio:file-id": refused(TEXT),
  "messages.video:url": refused(TEXT),
  "messages.video:base64": refused(TEXT),
  "messages.video:file-id": refused(TEXT),
  "messages.file:url": refused(TEXT),
  "messages.file:base64": refused(TEXT),
  "messages.file:file-id": refused(TEXT),
  "messages.file:text": part("as text", "messages.file"),
  "messages.file.filename": dropped(TEXT),
  "messages.thinking": dropped(THINKING),
  "messages.thinking:sealed": dropped(THINKING),
  "messages.thinking:redacted": dropped(THINKING),
  "messages.tool_calls": part("without ids, and arguments are an object", "messages.tool_calls"),
  "messages.tool_calls:custom": part("arguments are an object", "messages.tool_calls"),
  "messages.tool_calls.id": dropped("version 1 repeats the call beside its result"),
  "messages.tool_result.media": refused(TEXT),
  "messages.tool_result.is_error": dropped("version 1 marks no results as errors"),
  "tools.parameters": part("names, Python's types and descriptions"),
  "tools.strict": dropped("version 1 knows no schemas"),
  "tools:custom": refused("version 1 knows functions only"),
  web_search_options: refused("version 1 knows functions only"),
  "tool_choice:required": part("a single step is forced"),
  "tool_choice:tool": part("a single step is forced"),
  "tool_choice:allowed": refused("version 1 knows no choice of tools"),
  top_p: part("as it is"),
  presence_penalty: part("as it is"),
  frequency_penalty: part("as it is"),
  logprobs: refused("version 1 gives no probabilities"),
  reasoning_effort: refused(THINKING),
  "thinking.budget_tokens": refused(THINKING),
  thinking: refused(THINKING),
  "thinking:off": all,
};
