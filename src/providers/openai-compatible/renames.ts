import type { ParameterRules } from "../provider.ts";

/** Providers that know only the older name of the maximum. */
export const MAX_TOKENS_ONLY: ParameterRules = { rename: { max_completion_tokens: "max_tokens" } };
