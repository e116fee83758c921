import { asArray, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { ConversationResponse } from "../conversation.ts";
import type { ResponseContext } from "../format.ts";

/** Answer of `/generate` (`text_output`) or of `/infer` (`outputs`) → conversation. Triton counts no tokens. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const text = outputText(body);
  const id = asString(body.id);
  return {
    ...(id === undefined ? {} : { id }),
    model: asString(body.model_name) ?? context.model,
    choices: [{ index: 0, parts: text === "" ? [] : [{ type: "text", text }], finish: "stop" }],
  };
}

/** What one object says, whole or as a piece of a stream. */
export function outputText(body: JsonObject): string {
  if (body.text_output !== undefined) return joined(body.text_output);
  const output =
    asArray(body.outputs)
      .filter(isObject)
      .find((tensor) => tensor.name === "text_output") ?? asArray(body.outputs).filter(isObject)[0];
  return joined(output?.data);
}

/** An ensemble may give its one text as a list. */
function joined(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return asArray(value)
    .filter((item): item is string => typeof item === "string")
    .join("");
}
