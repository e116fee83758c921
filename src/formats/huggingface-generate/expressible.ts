import { all, dropped, type Expressible, part } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

const LACKS = "TGI's text generation has no parameter for it";

/** What TGI's `/generate` can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible(LACKS),
  temperature: part("above 0"),
  top_p: part("strictly between 0 and 1"),
  max_tokens: part("at least 1"),
  top_k: all,
  seed: all,
  stop: all,
  frequency_penalty: all,
  repetition_penalty: all,
  n: part("the best of so many"),
  "response_format:json": all,
  "response_format:json-schema": all,
  logprobs: part("details say them"),
  top_logprobs: dropped(LACKS),
};
