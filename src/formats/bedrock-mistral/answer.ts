import { asArray, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { TextAnswer, TextChoice } from "../bedrock-invoke/text-answer.ts";

/** `{outputs: [{text, stop_reason}]}`, whole and in pieces. */
export const MISTRAL_ANSWER: TextAnswer = { whole: read, piece: read };

function read(body: JsonObject): TextChoice[] {
  return asArray(body.outputs).map((item, index) => {
    const output = asObject(item);
    return { index, text: asString(output?.text) ?? "", finish: asString(output?.stop_reason) };
  });
}
