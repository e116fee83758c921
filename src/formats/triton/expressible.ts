import { all, type Expressible } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What Triton's generate extension can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("Triton's generate extension takes one text"),
  top_k: all,
  seed: all,
  stop: all,
  presence_penalty: all,
  frequency_penalty: all,
  repetition_penalty: all,
};
