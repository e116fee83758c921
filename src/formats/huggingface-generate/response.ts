import { asArray, asNumber, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Choice, ConversationResponse, FinishReason } from "../conversation.ts";
import { withEstimatedInput } from "../estimated-usage.ts";
import type { ResponseContext } from "../format.ts";

/** Where the exchange puts an answer that is a list: bodies are objects everywhere else. */
export const LIST_MEMBER = "generations";

/** End marks that some servers leave in the text. */
const END_MARKS = /(?:<\/s>|<\|eot_id\|>|<\|im_end\|>|<\|endoftext\|>|<\|end\|>)+$/;

/** Answer of `/generate` → conversation. Further sequences of `best_of` are further choices. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const generations = generationsOf(body);
  const choices = generations.flatMap((generation) => [
    generation,
    ...asArray(asObject(generation.details)?.best_of_sequences).filter(isObject),
  ]);
  const usage = readUsage(body, context);
  return {
    model: context.model,
    choices: choices.map((choice, index) => decodeChoice(choice, index, context)),
    ...(usage === undefined ? {} : { usage }),
  };
}

function generationsOf(body: JsonObject): JsonObject[] {
  const list = body[LIST_MEMBER];
  return Array.isArray(list) ? asArray(list).filter(isObject) : [body];
}

function decodeChoice(generation: JsonObject, index: number, context: ResponseContext): Choice {
  const details = asObject(generation.details) ?? generation;
  const text = (asString(generation.generated_text) ?? "").replace(END_MARKS, "");
  const raw = asString(details.finish_reason);
  const wanted = context.request?.sampling.logprobs === true;
  const tokens = wanted ? asArray(details.tokens).filter(isObject) : [];
  return {
    index,
    parts: text === "" ? [] : [{ type: "text", text }],
    finish: decodeFinish(raw),
    ...(raw === undefined ? {} : { rawFinish: raw }),
    ...(tokens.length === 0 ? {} : { logprobs: { content: tokens.map(decodeLogprob), refusal: null } }),
  };
}

/** One token of TGI's as OpenAI's clients read it. */
export function decodeLogprob(token: JsonObject): JsonObject {
  return {
    token: asString(token.text) ?? "",
    logprob: asNumber(token.logprob) ?? 0,
    bytes: null,
    top_logprobs: [],
  };
}

/** `length`, `eos_token` or `stop_sequence`. */
export function decodeFinish(raw: string | undefined): FinishReason {
  return raw === "length" ? "length" : "stop";
}

/** TGI counts what it wrote; what it read is counted only in streams, and estimated elsewhere. */
export function readUsage(body: JsonObject, context: ResponseContext): Usage | undefined {
  const details = generationsOf(body).map((generation) => asObject(generation.details));
  const written = details.reduce(
    (sum, one) =>
      sum +
      (asNumber(one?.generated_tokens) ?? 0) +
      asArray(one?.best_of_sequences).reduce<number>(
        (more, sequence) => more + (asNumber(asObject(sequence)?.generated_tokens) ?? 0),
        0,
      ),
    0,
  );
  if (details.every((one) => one?.generated_tokens === undefined)) return undefined;
  const prefill = asArray(details[0]?.prefill).length;
  return withEstimatedInput(prefill > 0 ? prefill : undefined, written, context);
}
