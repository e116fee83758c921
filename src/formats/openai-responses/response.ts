import type { JsonObject } from "../../json/json.ts";
import { assemble } from "../assemble.ts";
import type { ConversationResponse } from "../conversation.ts";
import type { AnswerContext, ResponseContext } from "../format.ts";
import { replay } from "../replay.ts";
import { AnswerWriter } from "./answer-writer.ts";
import { ResponsesStreamDecoder } from "./stream-decoder.ts";

/** A whole answer is a stream of one event: both ways of reading give the same. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  return assemble(new ResponsesStreamDecoder(context).readWhole(body));
}

/** Conversation → answer: what the events of a stream would add up to. The API knows one choice. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  const writer = new AnswerWriter(context, () => {});
  for (const event of replay({ ...response, choices: response.choices.slice(0, 1) })) writer.push(event);
  return writer.finish();
}
