/**
 * The wire words of Cohere's Chat API, version 2 (https://docs.cohere.com/reference/chat and …/chat-stream, 2026-11-24).
 */
import type { Json, JsonObject } from "../../json/json.ts";

/** Why generation stopped. */
export type CohereFinish =
  | "COMPLETE"
  | "STOP_SEQUENCE"
  | "MAX_TOKENS"
  | "TOOL_CALL"
  | "ERROR"
  | "TIMEOUT"
  | "ERROR_TOXIC"
  | "ERROR_LIMIT"
  | "USER_CANCEL";

/** One message, in requests and in answers. */
export interface CohereMessage extends JsonObject {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** Text, or blocks of type `text`, `image_url`, `thinking`, and `document` in tool messages. */
  readonly content?: string | readonly JsonObject[];
  /** What the model means to do with its tools; older models write it instead of thinking. */
  readonly tool_plan?: string;
  readonly tool_calls?: readonly CohereToolCall[];
  readonly tool_call_id?: string;
  readonly citations?: readonly JsonObject[];
}

export interface CohereToolCall extends JsonObject {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** The kinds of stream events; `event:` and the member `type` both say which. */
export type CohereEventType =
  | "message-start"
  | "content-start"
  | "content-delta"
  | "content-end"
  | "tool-plan-delta"
  | "tool-call-start"
  | "tool-call-delta"
  | "tool-call-end"
  | "citation-start"
  | "citation-end"
  | "message-end";

/** The members of `object` whose names are not in `known`, or undefined when there are none. Nulls are left out. */
export function otherMembers(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: Record<string, Json> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined && value !== null && !known.has(name)) rest[name] = value;
  }
  return Object.keys(rest).length === 0 ? undefined : rest;
}
