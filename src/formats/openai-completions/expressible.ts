import { all, dropped, type Expressible, part } from "../expressible.ts";
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
