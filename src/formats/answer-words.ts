import type { Choice, ConversationResponse, Part } from "./conversation.ts";
import type { Expression } from "./expressible.ts";
import type { ParameterReport } from "./report.ts";
import { parameterOf } from "./words.ts";

/** Everything that an answer can say besides plain text, in the names of Chat Completions' answers. */
export const ANSWER_WORDS = [
  "choices",
  "choices.message.content",
  "choices.message.annotations",
  "choices.message.refusal",
  "choices.message.reasoning_content",
  "choices.message.thinking_blocks:sealed",
  "choices.message.thinking_blocks:redacted",
  "choices.message.thought_signature",
  "choices.message.tool_calls",
  "choices.message.tool_calls:custom",
  "choices.message.tool_calls.id",
  "choices.message.tool_calls.thought_signature",
  "choices.message.images",
  "choices.message.audio",
  "choices.logprobs",
  "choices.stop_sequence",
] as const;

export type AnswerWord = (typeof ANSWER_WORDS)[number];

/** What a format can say to its client, for every word there is. */
export type AnswerExpressible = Readonly<Record<AnswerWord, Expression>>;

/** Is told of each word that an answer uses, with what says it. */
export type AnswerVisitor = (word: AnswerWord, value: unknown) => void;

export function eachAnswerWord(response: ConversationResponse, visit: AnswerVisitor): void {
  if (response.choices.length > 1) visit("choices", response.choices.length);
  for (const choice of response.choices) visitChoice(choice, visit);
}

function visitChoice(choice: Choice, visit: AnswerVisitor): void {
  for (const part of choice.parts) visitPart(part, visit);
  if (choice.logprobs !== undefined && choice.logprobs !== null) visit("choices.logprobs", choice.logprobs);
  if (choice.stopSequence !== undefined) visit("choices.stop_sequence", choice.stopSequence);
}

function visitPart(part: Part, visit: AnswerVisitor): void {
  switch (part.type) {
    case "text":
      visit("choices.message.content", part.text);
      if (part.citations !== undefined && part.citations.length > 0)
        visit("choices.message.annotations", part.citations);
      if (part.sealed !== undefined) visit("choices.message.thought_signature", part.sealed);
      return;
    case "refusal":
      visit("choices.message.refusal", part.text);
      return;
    case "thinking":
      if (part.redacted === true) visit("choices.message.thinking_blocks:redacted", part.sealed);
      else if (part.sealed === undefined) visit("choices.message.reasoning_content", part.text);
      else visit("choices.message.thinking_blocks:sealed", part);
      return;
    case "tool-call":
      visit(part.kind === "custom" ? "choices.message.tool_calls:custom" : "choices.message.tool_calls", part);
      visit("choices.message.tool_calls.id", part.id);
      if (part.sealed !== undefined) visit("choices.message.tool_calls.thought_signature", part.sealed);
      return;
    case "image":
      visit("choices.message.images", part.source);
      return;
    case "audio":
      visit("choices.message.audio", part.source);
      return;
    default:
  }
}

/** Puts what of a whole answer its client's format cannot say into the report, each word once. */
export function reportLostInAnswer(
  response: ConversationResponse,
  table: AnswerExpressible,
  report: ParameterReport,
): void {
  const seen = new Set<AnswerWord>();
  eachAnswerWord(response, (word) => {
    const expression = table[word];
    if (seen.has(word)) return;
    seen.add(word);
    if (expression.says === "otherwise") report.converted(parameterOf(word), expression.how);
    else if (expression.says === "nothing") report.dropped(parameterOf(word), expression.reason);
  });
}
