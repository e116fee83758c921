import type { Expressible } from "../expressible.ts";
import { textExpressible } from "../text-expressible.ts";

/** What Llama, and whom Bedrock serves by its body, can be told. */
export const EXPRESSIBLE: Expressible = textExpressible("this InvokeModel body has no field for it");
