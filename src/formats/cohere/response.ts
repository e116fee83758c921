import { asArray, asNumber, asObject, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Choice, Citation, ConversationResponse, Part, TextPart } from "../conversation.ts";
import type { AnswerContext } from "../format.ts";
import { decodeCitation, encodeCitation, isTextCitation } from "./citations.ts";
import { decodeFinish, encodeFinish } from "./finish.ts";
import { decodeLogprobs, encodeLogprobs } from "./logprobs.ts";
import type { CohereToolCall } from "./types.ts";
import { decodeUsage, encodeUsage } from "./usage.ts";

/** Answer of `/v2/chat` → conversation. The tool plan is thinking: it says what the model means to do. */
export function decodeResponse(body: JsonObject): ConversationResponse {
  const message = asObject(body.message);
  const parts: Part[] = [];
  const plan = asString(message?.tool_plan) ?? "";
  if (plan !== "") parts.push({ type: "thinking", text: plan });
  parts.push(...decodeContent(message));
  const calls = asArray(message?.tool_calls).filter(isObject).map(decodeCall);
  parts.push(...calls);

  const id = asString(body.id);
  const raw = asString(body.finish_reason);
  const usage = decodeUsage(asObject(body.usage));
  const logprobs = decodeLogprobs(asArray(body.logprobs));
  return {
    ...(id === undefined ? {} : { id }),
    choices: [
      {
        index: 0,
        parts,
        finish: decodeFinish(raw, calls.length > 0),
        ...(raw === undefined ? {} : { rawFinish: raw }),
        ...(logprobs === undefined ? {} : { logprobs }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
  };
}

function decodeCall(call: JsonObject, index: number): Part {
  const held = asObject(call.function);
  const text = asString(held?.arguments) ?? "";
  return {
    type: "tool-call",
    id: asString(call.id) ?? `call_${index}`,
    name: asString(held?.name) ?? "",
    arguments: text === "" ? "{}" : text,
  };
}

function decodeContent(message: JsonObject | undefined): Part[] {
  const content = message?.content;
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : asArray(content);
  const parts: Part[] = [];
  const partOfBlock = new Map<number, number>();
  let lastText: number | undefined;
  blocks.forEach((block, index) => {
    if (!isObject(block)) return;
    const thinking = asString(block.thinking) ?? "";
    const text = asString(block.text) ?? "";
    if (thinking !== "") parts.push({ type: "thinking", text: thinking });
    if (text === "") return;
    lastText = parts.length;
    partOfBlock.set(index, parts.length);
    parts.push({ type: "text", text });
  });
  for (const citation of asArray(message?.citations).filter(isObject)) {
    if (!isTextCitation(citation)) continue;
    const block = asNumber(citation.content_index);
    const at = (block === undefined ? undefined : partOfBlock.get(block)) ?? lastText;
    const part = at === undefined ? undefined : (parts[at] as TextPart);
    if (at === undefined || part === undefined) continue;
    parts[at] = { ...part, citations: [...(part.citations ?? []), decodeCitation(citation, part.text)] };
  }
  return parts;
}

/** Conversation → answer of `/v2/chat`. Cohere knows one choice. */
export function encodeResponse(response: ConversationResponse, context: AnswerContext): JsonObject {
  const [choice] = response.choices;
  const logprobs = choice?.logprobs === undefined ? [] : encodeLogprobs(choice.logprobs);
  return {
    id: response.id ?? context.fallbackId,
    message: encodeMessage(choice?.parts ?? []),
    finish_reason: finishOf(choice),
    ...(response.usage === undefined ? {} : { usage: encodeUsage(response.usage) }),
    ...(logprobs.length === 0 ? {} : { logprobs }),
  };
}

function finishOf(choice: Choice | undefined): string {
  return choice === undefined ? "ERROR" : encodeFinish(choice.finish, choice.rawFinish, choice.stopSequence);
}

function encodeMessage(parts: readonly Part[]): JsonObject {
  const content: JsonObject[] = [];
  const calls: CohereToolCall[] = [];
  const citations: JsonObject[] = [];
  for (const part of parts) {
    if (part.type === "tool-call") calls.push(encodeCall(part.id, part.name, part.arguments));
    else {
      const block = encodeBlock(part);
      if (block === undefined) continue;
      for (const citation of citationsOf(part)) {
        citations.push(encodeCitation(citation, part.type === "text" ? part.text : "", content.length));
      }
      content.push(block);
    }
  }
  return {
    role: "assistant",
    ...(content.length === 0 ? {} : { content }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
    ...(citations.length === 0 ? {} : { citations }),
  };
}

function citationsOf(part: Part): readonly Citation[] {
  return part.type === "text" ? (part.citations ?? []) : [];
}

/** A tool call as it stands in messages. */
export function encodeCall(id: string, name: string, text: string): CohereToolCall {
  return { id, type: "function", function: { name, arguments: text === "" ? "{}" : text } };
}

/** A part of an answer as a content block; undefined for what Cohere's answers cannot hold (media, foreign blocks). */
export function encodeBlock(part: Part): JsonObject | undefined {
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text === "" ? undefined : { type: "text", text: part.text };
    case "thinking":
      return part.text === "" ? undefined : { type: "thinking", thinking: part.text };
    case "audio":
      return part.transcript === undefined ? undefined : { type: "text", text: part.transcript };
    default:
      return undefined;
  }
}
