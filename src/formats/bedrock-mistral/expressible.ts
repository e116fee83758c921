import { all, type Expressible } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What Mistral's first models can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("this InvokeModel body has no field for it"),
  top_k: all,
  stop: all,
};
