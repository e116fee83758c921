import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { countedUsage } from "../bedrock-invoke/metrics.ts";
import type { TextAnswer, TextChoice } from "../bedrock-invoke/text-answer.ts";

/**
 * `{generation, prompt_token_count, generation_token_count, stop_reason}`; events are the same with a piece of the text.
 * Imported Qwen 2 models answer with `outputs` or `choices` of texts instead.
 */
export const LLAMA_ANSWER: TextAnswer = {
  whole: read,
  piece: read,
  usage: (body) => countedUsage(asNumber(body.prompt_token_count), asNumber(body.generation_token_count)),
};

function read(body: JsonObject): TextChoice[] {
  const listed = asArray(body.outputs ?? body.choices);
  if (listed.length === 0) {
    return [{ text: asString(body.generation) ?? asString(body.text) ?? "", finish: asString(body.stop_reason) }];
  }
  return listed.map((item, index) => {
    const output = asObject(item);
    const finish = asString(output?.stop_reason) ?? asString(output?.finish_reason);
    return { index, text: asString(output?.text) ?? "", finish };
  });
}
