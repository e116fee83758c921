import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { countedUsage } from "../bedrock-invoke/metrics.ts";
import type { TextAnswer } from "../bedrock-invoke/text-answer.ts";

/** `{inputTextTokenCount, results: [{tokenCount, outputText, completionReason}]}`; events hold one result's members. */
export const TITAN_ANSWER: TextAnswer = {
  whole: (body) =>
    asArray(body.results).map((item) => {
      const result = asObject(item);
      return { text: asString(result?.outputText) ?? "", finish: asString(result?.completionReason) };
    }),
  piece: (event) => [{ text: asString(event.outputText) ?? "", finish: asString(event.completionReason) }],
  usage,
};

function usage(body: JsonObject) {
  const written = asArray(body.results).reduce<number>(
    (sum, item) => sum + (asNumber(asObject(item)?.tokenCount) ?? 0),
    0,
  );
  return countedUsage(asNumber(body.inputTextTokenCount), written);
}
