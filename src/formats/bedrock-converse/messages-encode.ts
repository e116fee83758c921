import type { JsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { encodeBlocks, type Scope } from "./blocks-encode.ts";
import { DocumentNames, lacksText } from "./media.ts";
import type { ModelTraits } from "./model-traits.ts";

interface Turn {
  role: "user" | "assistant";
  content: JsonObject[];
}

/**
 * System messages are lifted out in their order; turns alternate; all results of a turn's calls stand in one user
 * message before everything else.
 */
export function encodeMessages(
  request: ConversationRequest,
  traits: ModelTraits,
  context: RequestContext,
): { readonly system: JsonObject[]; readonly messages: JsonObject[] } {
  const scope: Scope = { context, names: new DocumentNames(), caches: traits.caches };
  const system: JsonObject[] = [];
  const turns: Turn[] = [];
  request.messages.forEach((message, index) => {
    const where = `messages[${index}]`;
    const content = encodeBlocks(message.parts, where, scope);
    if (message.role === "system" || message.role === "developer") {
      if (turns.length > 0 && content.length > 0) {
        context.report.converted(where, "a system message between the turns was moved to the beginning");
      }
      system.push(...content);
      return;
    }
    const role = message.role === "assistant" ? "assistant" : "user";
    // Nothing is left of the message (thinking that could not be sent): its neighbours join.
    if (role === "assistant" && content.length === 0) return;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  });
  return { system, messages: finish(turns, context) };
}

function finish(turns: readonly Turn[], { report, modifyParams }: RequestContext): JsonObject[] {
  const messages = turns.map((turn, index): JsonObject => {
    if (turn.role === "assistant") return { role: turn.role, content: turn.content };
    let content = resultsFirst(turn.content);
    if (lacksText(content)) {
      report.converted(`messages[${index}].content`, "Converse wants text beside a document: a sentence was added");
      content = [...content, { text: "The document is attached." }];
    }
    if (content.length === 0 && modifyParams) {
      report.converted(`messages[${index}].content`, "Converse refuses empty messages: a full stop instead");
      content = [{ text: "." }];
    }
    return { role: turn.role, content };
  });
  if (turns[0]?.role !== "user" && modifyParams) {
    report.converted("messages", "Converse wants a user's message first: a full stop was put there");
    messages.unshift({ role: "user", content: [{ text: "." }] });
  }
  return messages;
}

/** Results with the cache points behind them, then the rest. */
function resultsFirst(content: readonly JsonObject[]): JsonObject[] {
  const results: JsonObject[] = [];
  const rest: JsonObject[] = [];
  let target = rest;
  for (const block of content) {
    if (block.cachePoint === undefined) target = block.toolResult === undefined ? rest : results;
    target.push(block);
  }
  return [...results, ...rest];
}
