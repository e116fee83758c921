import type { JsonObject } from "../../json/json.ts";
import type { ConversationRequest, Message } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { encodeBlocks, withoutTrailingSpace } from "./blocks-encode.ts";
import type { ModelFamily } from "./model-family.ts";
import { FORMAT } from "./types.ts";

interface Turn {
  role: "user" | "assistant" | "system";
  content: JsonObject[];
}

/** The wire's `system` and `messages`. */
export interface EncodedMessages {
  readonly system: JsonObject[];
  readonly messages: JsonObject[];
}

/**
 * System messages are lifted out in their order, save those that an Anthropic client put between the turns; turns
 * alternate, and all results of a turn's calls stand in one user message before everything else.
 */
export function encodeMessages(
  request: ConversationRequest,
  family: ModelFamily,
  context: RequestContext,
): EncodedMessages {
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  request.messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    const content = encodeBlocks(message.parts, where, context);
    if (message.role === "system" || message.role === "developer") {
      if (message.native?.format === FORMAT && family.systemBetweenTurns) {
        turns.push({ role: "system", content });
        return;
      }
      if (turns.length > 0 && content.length > 0) {
        context.report.converted(where, "a system message between the turns was moved to the beginning");
      }
      system.push(...content);
      return;
    }
    append(turns, roleOf(message), content);
  });
  return { system, messages: finish(turns, context) };
}

function roleOf(message: Message): "user" | "assistant" {
  return message.role === "assistant" ? "assistant" : "user";
}

function append(turns: Turn[], role: "user" | "assistant", content: JsonObject[]): void {
  // Nothing is left of the message (thinking that could not be sent): its neighbours join.
  if (role === "assistant" && content.length === 0) return;
  const last = turns.at(-1);
  if (last?.role === role) last.content.push(...content);
  else turns.push({ role, content: [...content] });
}

function finish(turns: readonly Turn[], context: RequestContext): JsonObject[] {
  const { report, modifyParams } = context;
  const first = turns[0];
  const messages = turns.map((turn, index): JsonObject => {
    let content = turn.content;
    if (turn.role === "user") {
      content = resultsFirst(content);
      if (content.length === 0 && modifyParams) {
        report.converted(`messages[${index}].content`, "Anthropic refuses empty messages: a full stop instead");
        content = [{ type: "text", text: "." }];
      }
    } else if (turn.role === "assistant" && index === turns.length - 1) {
      const trimmed = withoutTrailingSpace(content);
      if (JSON.stringify(trimmed) !== JSON.stringify(content)) {
        report.converted(`messages[${index}].content`, "Anthropic refuses whitespace at the end of a prefill");
      }
      content = trimmed;
    }
    return { role: turn.role, content };
  });
  if (first?.role !== "user" && modifyParams) {
    report.converted("messages", "Anthropic wants a user's message first: a full stop was put there");
    messages.unshift({ role: "user", content: [{ type: "text", text: "." }] });
  }
  return messages;
}

function resultsFirst(content: readonly JsonObject[]): JsonObject[] {
  const isResult = (block: JsonObject): boolean => block.type === "tool_result";
  return [...content.filter(isResult), ...content.filter((block) => !isResult(block))];
}
