import { isObject, type JsonObject } from "../../json/json.ts";
import type { ConversationRequest, Extensions } from "../conversation.ts";
import { encodeFormat } from "./request-encode.ts";
import { encodeToolChoice, encodeTools } from "./tools.ts";
import { FORMAT, otherMembers } from "./wire.ts";

const SAID_ELSEWHERE = new Set([
  "id",
  "object",
  "created_at",
  "status",
  "error",
  "incomplete_details",
  "model",
  "output",
  "output_text",
  "usage",
]);

/** Members of an answer that repeat the request or that only this format knows. */
export function answerExtensions(response: JsonObject): Extensions | undefined {
  const fields = otherMembers(response, SAID_ELSEWHERE);
  return fields === undefined ? undefined : { format: FORMAT, fields };
}

/** What an answer repeats of its request, with the API's defaults for what the client left out. */
export function echo(request: ConversationRequest): JsonObject {
  const [first] = request.messages;
  const isInstructions = first?.role === "system" && first.native === undefined;
  const fields = request.extensions?.format === FORMAT ? request.extensions.fields : {};
  const { sampling } = request;
  return {
    background: false,
    instructions: isInstructions
      ? first.parts.map((part) => (part.type === "text" ? part.text : "")).join("\n\n")
      : null,
    max_output_tokens: sampling.maxOutputTokens ?? null,
    max_tool_calls: null,
    metadata: request.metadata ?? {},
    parallel_tool_calls: request.parallelToolCalls ?? true,
    previous_response_id: request.previousResponseId ?? null,
    ...(request.promptCacheKey === undefined ? {} : { prompt_cache_key: request.promptCacheKey }),
    ...(request.safetyIdentifier === undefined ? {} : { safety_identifier: request.safetyIdentifier }),
    service_tier: request.serviceTier ?? "auto",
    store: request.store ?? true,
    temperature: sampling.temperature ?? 1,
    tool_choice: request.toolChoice === undefined ? "auto" : encodeToolChoice(request.toolChoice, request.tools ?? []),
    tools: encodeTools(request.tools ?? []),
    top_logprobs: sampling.topLogprobs ?? 0,
    top_p: sampling.topP ?? 1,
    truncation: "disabled",
    ...(request.user === undefined ? {} : { user: request.user }),
    ...fields,
    reasoning: {
      effort: request.reasoning?.effort ?? null,
      summary: request.reasoning?.summary ?? null,
      ...(isObject(fields.reasoning) ? fields.reasoning : {}),
    },
    text: {
      format: request.responseFormat === undefined ? { type: "text" } : encodeFormat(request.responseFormat),
      ...(request.verbosity === undefined ? {} : { verbosity: request.verbosity }),
      ...(isObject(fields.text) ? fields.text : {}),
    },
    include: undefined,
    stream_options: undefined,
  };
}
