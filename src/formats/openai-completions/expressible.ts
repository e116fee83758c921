import type { AnswerExpressible } from "../answer-words.ts";
import { all, converted, dropped, type Expressible, part } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

const LACKS = "text completions have no field for it";

/** What a text completion can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible(LACKS),
  top_k: part("of compatible servers, not of OpenAI"),
  min_p: part("of compatible servers, not of OpenAI"),
  repetition_penalty: part("of compatible servers, not of OpenAI"),
  seed: all,
  stop: all,
  n: all,
  presence_penalty: all,
  frequency_penalty: all,
  logit_bias: all,
  logprobs: all,
  top_logprobs: part("with logprobs only"),
  user: all,
  parallel_tool_calls: dropped(LACKS),
};

const ANSWER_LACKS = "its answers have no field for it";

/** What a whole answer can say to the format's clients. */
export const ANSWERS: AnswerExpressible = {
  choices: all,
  "choices.message.content": all,
  "choices.message.annotations": dropped(ANSWER_LACKS),
  "choices.message.refusal": converted("as text"),
  "choices.message.reasoning_content": dropped(ANSWER_LACKS),
  "choices.message.thinking_blocks:sealed": dropped(ANSWER_LACKS),
  "choices.message.thinking_blocks:redacted": dropped(ANSWER_LACKS),
  "choices.message.thought_signature": dropped(ANSWER_LACKS),
  "choices.message.tool_calls": dropped(ANSWER_LACKS),
  "choices.message.tool_calls:custom": dropped(ANSWER_LACKS),
  "choices.message.tool_calls.id": dropped(ANSWER_LACKS),
  "choices.message.tool_calls.thought_signature": dropped(ANSWER_LACKS),
  "choices.message.images": dropped(ANSWER_LACKS),
  "choices.message.audio": part("as text, where there is a transcript"),
  "choices.logprobs": part("in their own form"),
  "choices.stop_sequence": dropped(ANSWER_LACKS),
};
