import { isPriceField } from "../pricing/price-rules.ts";
import { closest } from "../providers/closest.ts";
import { isGatewayField, OPENAI_CHAT_PARAMETERS } from "../providers/litellm-params.ts";
import { litellmParams } from "./keys/litellm-params.ts";
import { modelInfo } from "./keys/model-list.ts";

/** What a key that no table has does in `litellm_params`. */
export type ParameterKind = "price" | "unknown price" | "gateway" | "provider";

const LIKE_A_PRICE = /_cost_|_cost$|^cost_per_|_pricing$/;
/** Names of other places for what has another name here. */
const MISTAKEN: Readonly<Record<string, string>> = {
  rpm_limit: "rpm",
  tpm_limit: "tpm",
  max_retry: "num_retries",
  url: "api_base",
};
/** Below this length nearly every name is near another. */
const SHORTEST_GUESS = 6;
const COMMON_PRICES = [
  "input_cost_per_token",
  "output_cost_per_token",
  "cache_read_input_token_cost",
  "cache_creation_input_token_cost",
  "output_cost_per_reasoning_token",
  "input_cost_per_second",
  "output_cost_per_second",
  "input_cost_per_image",
  "output_cost_per_image",
  "input_cost_per_character",
  "input_cost_per_query",
  "input_cost_per_pixel",
  "tiered_pricing",
  "off_peak_pricing",
];

export function parameterKind(name: string): ParameterKind {
  if (isPriceField(name)) return "price";
  if (LIKE_A_PRICE.test(name)) return "unknown price";
  return isGatewayField(name, "openai-chat") ? "gateway" : "provider";
}

/** The price that was probably meant. */
export function suggestPrice(name: string): string | undefined {
  return closest(name, COMMON_PRICES);
}

/** What was probably meant by a parameter that will go to the provider as it is; undefined for most. */
export function suggestParameter(name: string): string | undefined {
  if (OPENAI_CHAT_PARAMETERS.has(name)) return undefined;
  if (modelInfo.keys.has(name)) return `model_info.${name}`;
  const known = MISTAKEN[name];
  if (known !== undefined || name.length < SHORTEST_GUESS) return known;
  return closest(name, [...litellmParams.keys.keys(), ...OPENAI_CHAT_PARAMETERS]);
}
