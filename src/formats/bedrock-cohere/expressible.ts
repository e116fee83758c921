import { all, type Expressible, part } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What Command and Command R can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("this InvokeModel body has no field for it"),
  top_k: all,
  stop: all,
  n: part("Command R writes one answer"),
};
