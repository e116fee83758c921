import { assemble } from "../formats/assemble.ts";
import type { StreamEvent } from "../formats/conversation.ts";
import { isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { framerFor } from "../upstream/framer.ts";
import { answerContext, responseContext } from "./answer-context.ts";
import type { Prepared } from "./prepare-request.ts";
import type { RequestContext } from "./request-context.ts";

/** Longer texts are cut, as in LiteLLM (`MAX_STRING_LENGTH_PROMPT_IN_DB`): more of their end than of their beginning. */
const LONGEST_TEXT = 2_048;
const BEGINNING = 0.35;
/** Members of a request that would give its caller's or the operator's credentials away. */
const CREDENTIALS = /^(?:.*[_-])?(?:api[_-]?key|secret|password|authorization|access[_-]?token|credentials?)$/i;

/** `store_prompts_in_spend_logs`: rows hold what was asked and answered. Not where messages are to stay out of logs. */
export function storesContent({ general, library }: Pick<Snapshot, "general" | "library">): boolean {
  return general.raw.store_prompts_in_spend_logs === true && library.raw.turn_off_message_logging !== true;
}

/** What a row holds of a request and its answer, under LiteLLM's names. */
export function storedContent({ body }: RequestContext, answer: Json | undefined): JsonObject {
  return {
    proxy_server_request: shortened(body, true),
    response: answer === undefined ? {} : shortened(answer, false),
  };
}

/** An answer's text as its object; undefined for what is none. */
export function answerObject(text: string): JsonObject | undefined {
  const parsed = parseJson(text);
  return isObject(parsed) ? parsed : undefined;
}

/** The answer that a stream's text, in the client's format, adds up to. */
export function assembledAnswer(context: RequestContext, prepared: Prepared, text: string): JsonObject {
  const decoder = context.client.createStreamDecoder(responseContext(prepared));
  const framer = framerFor("sse");
  const events: StreamEvent[] = [];
  for (const frame of framer.push(new TextEncoder().encode(text))) events.push(...decoder.push(frame));
  for (const frame of framer.end()) events.push(...decoder.push(frame));
  events.push(...decoder.end());
  // Without what would keep the answer a second time.
  const { kept: _, ...written } = answerContext({ ...context, stream: false }, prepared);
  return context.client.encodeResponse(assemble(events), written);
}

function shortened(value: Json, masks: boolean): Json {
  if (typeof value === "string") return cut(value);
  if (Array.isArray(value)) return value.map((item: Json) => shortened(item, masks));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (masks && typeof member === "string" && CREDENTIALS.test(name)) return [name, "****"];
      return [name, member === undefined ? undefined : shortened(member, masks)];
    }),
  );
}

function cut(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  const beginning = Math.floor(LONGEST_TEXT * BEGINNING);
  const end = LONGEST_TEXT - beginning;
  const skipped = text.length - LONGEST_TEXT;
  return `${text.slice(0, beginning)}... (litellm_truncated skipped ${skipped} chars) ...${text.slice(-end)}`;
}
