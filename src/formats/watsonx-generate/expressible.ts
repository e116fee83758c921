import { all, type Expressible, part } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What watsonx's text generation can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("watsonx's text generation has no parameter for it"),
  temperature: part("0 is greedy decoding"),
  top_p: part("not when decoding is greedy", "top_p"),
  top_k: part("not when decoding is greedy"),
  seed: all,
  stop: all,
  repetition_penalty: all,
  stream: all,
};
