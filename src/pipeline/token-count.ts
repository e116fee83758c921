import type { Part } from "../formats/conversation.ts";
import type { JsonObject } from "../json/json.ts";
import type { RequestContext } from "./request-context.ts";

/** Tokens that chat templates put around one message (OpenAI's cookbook, "How to count tokens", 2026-11). */
const PER_MESSAGE = 3;
/** A picture whose size nobody knows. */
const PER_IMAGE = 765;

/** An exact count is by one tokenizer; others may find this much more. */
export const COUNT_MARGIN = 1.15;
export const COUNT_OVERHEAD = 64;

/** OpenAI's tokenizer. It is loaded when it is needed first: it takes a second and much memory. */
export function loadTokenizer(): Promise<{ readonly countTokens: (text: string) => number }> {
  return import("gpt-tokenizer");
}

/** Tokens of a text by OpenAI's tokenizer. */
export async function countText(text: string): Promise<number> {
  const { countTokens } = await loadTokenizer();
  return countTokens(text);
}

/** Tokens of a conversation in the client's format, by OpenAI's tokenizer. */
export async function promptTokens(context: RequestContext): Promise<number> {
  const request = context.client.decodeRequest(context.body);
  let text = "";
  let fixed = 0;
  for (const message of request.messages) {
    fixed += PER_MESSAGE;
    for (const part of message.parts) {
      if (part.type === "image") fixed += PER_IMAGE;
      text += `${textOf(part)}\n`;
    }
  }
  for (const tool of request.tools ?? []) text += `${JSON.stringify(tool)}\n`;
  return (await countText(text)) + fixed;
}

/** The size of a request where its provider counts nothing, in the words of the client's format. */
export async function estimatedCount(context: RequestContext): Promise<JsonObject> {
  const total = await promptTokens(context);
  if (context.client.id === "gemini") return { totalTokens: total };
  return { input_tokens: total, litellm_count_source: "local_estimate" };
}

function textOf(part: Part): string {
  switch (part.type) {
    case "text":
    case "thinking":
    case "refusal":
      return part.text;
    case "tool-call":
      return `${part.name} ${part.arguments}`;
    case "tool-result":
      return part.content.map(textOf).join("\n");
    case "opaque":
      return JSON.stringify(part.value);
    default:
      return "";
  }
}
