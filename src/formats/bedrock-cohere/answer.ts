import { asArray, asBoolean, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { TextAnswer, TextChoice } from "../bedrock-invoke/text-answer.ts";

/**
 * Command: `{generations: [{text, finish_reason}]}`, in pieces `{index, text, is_finished, finish_reason}`.
 * Command R: `{text, finish_reason}`, in pieces `{event_type: "text-generation", text}` and, at the end,
 * `{event_type: "stream-end", finish_reason, response}`, which repeats the whole answer and is not read.
 */
export const COHERE_ANSWER: TextAnswer = {
  whole: (body) => (body.generations === undefined ? [choice(body)] : asArray(body.generations).map(choice)),
  piece: (event) => {
    if (event.generations !== undefined) return asArray(event.generations).map(choice);
    const ends = event.event_type === "stream-end" || asBoolean(event.is_finished) === true;
    const text = asString(event.text) ?? "";
    const index = typeof event.index === "number" ? event.index : 0;
    return [{ index, text, ...(ends ? { finish: asString(event.finish_reason) ?? "COMPLETE" } : {}) }];
  },
  id: (body) => asString(body.id) ?? asString(body.generation_id),
};

function choice(item: unknown, index = 0): TextChoice {
  const held: JsonObject | undefined = asObject(item);
  return { index, text: asString(held?.text) ?? "", finish: asString(held?.finish_reason) };
}
