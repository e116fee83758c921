import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { countedUsage } from "../bedrock-invoke/metrics.ts";
import type { TextAnswer, TextChoice } from "../bedrock-invoke/text-answer.ts";

/** `{id, prompt: {tokens}, completions: [{data: {text, tokens}, finishReason: {reason}}]}` */
export const AI21_ANSWER: TextAnswer = {
  whole: read,
  piece: read,
  usage,
  id: (body) => (typeof body.id === "number" ? String(asNumber(body.id)) : asString(body.id)),
};

function read(body: JsonObject): TextChoice[] {
  return asArray(body.completions).map((item, index) => {
    const completion = asObject(item);
    const text = asString(asObject(completion?.data)?.text) ?? "";
    return { index, text, finish: asString(asObject(completion?.finishReason)?.reason) };
  });
}

function usage(body: JsonObject) {
  const prompt = asObject(body.prompt)?.tokens;
  if (!Array.isArray(prompt)) return undefined;
  const written = asArray(body.completions).reduce<number>(
    (sum, item) => sum + asArray(asObject(asObject(item)?.data)?.tokens).length,
    0,
  );
  return countedUsage(prompt.length, written);
}
