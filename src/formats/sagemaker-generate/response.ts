import { asArray, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import type { ConversationResponse } from "../conversation.ts";
import type { ResponseContext } from "../format.ts";
import { decodeFinish, LIST_MEMBER, readUsage as readGenerationUsage } from "../huggingface-generate/response.ts";
import { renderPrompt } from "../prompt.ts";

/** Answer of an endpoint → conversation: `generated_text` or `generation`, in a list or alone. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const list = body[LIST_MEMBER];
  const generations = Array.isArray(list) ? asArray(list).filter(isObject) : [body];
  const usage = readUsage(body, context);
  return {
    model: context.model,
    choices: generations.map((generation, index) => {
      const raw = asString(asObject(generation.details)?.finish_reason) ?? asString(generation.finish_reason);
      const text = textOf(generation, context);
      return {
        index,
        parts: text === "" ? [] : [{ type: "text", text }],
        finish: decodeFinish(raw),
        ...(raw === undefined ? {} : { rawFinish: raw }),
      };
    }),
    ...(usage === undefined ? {} : { usage }),
  };
}

/** Some containers answer with the prompt in front (recorded for Llama 2): it is cut off. */
function textOf(generation: JsonObject, context: ResponseContext): string {
  const generated = generation.generated_text ?? generation.generation;
  // Chat containers give a message where others give text.
  const text = asString(generated) ?? asString(asObject(generated)?.content) ?? "";
  const { request } = context;
  const prompt = request === undefined ? "" : renderPrompt(context.model, request.messages);
  return prompt !== "" && text.startsWith(prompt) ? text.slice(prompt.length) : text;
}

/** Counted only by containers that give details. */
export function readUsage(body: JsonObject, context: ResponseContext): Usage | undefined {
  return readGenerationUsage(body, context);
}
