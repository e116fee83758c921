import { all, type Expressible } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What the text models of Titan can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("this InvokeModel body has no field for it"),
  stop: all,
};
