import { all, type Expressible, part } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What a prediction of Replicate's language models can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("Replicate's models have no input for it"),
  "messages.image:url": part("one image with most models"),
  "messages.image:base64": part("one image with most models"),
  "messages.image:file-id": part("web address or base64 only", "messages.image"),
  "messages.image:text": part("web address or base64 only", "messages.image"),
  top_k: all,
  min_p: all,
  seed: all,
  presence_penalty: all,
  frequency_penalty: all,
  repetition_penalty: all,
  stop: part("parted at commas"),
  reasoning_effort: all,
  "thinking:off": part("an effort of none", "reasoning_effort"),
};
