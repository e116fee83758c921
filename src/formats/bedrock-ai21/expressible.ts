import { all, type Expressible } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What the models of Jurassic can be told. */
export const EXPRESSIBLE: Expressible = {
  ...textExpressible("this InvokeModel body has no field for it"),
  stop: all,
  n: all,
};
