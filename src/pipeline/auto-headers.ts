import type { AutoDecision } from "../routing/auto/decision.ts";

/** What was decided, as the headers of an answer say it: LiteLLM's names. */
export function autoHeaders(decision: AutoDecision, headers: Headers): void {
  const { kind, model, because, tier, score, keyword, complexity } = decision;
  const set = (name: string, value: string | number | undefined): void => {
    if (value !== undefined) headers.set(name, String(value).replace(/[^\x20-\x7e]/g, "?"));
  };
  set("x-isthmus-auto-router-model", model);
  set("x-isthmus-auto-router-cause", because);
  if (kind === "complexity") {
    set("x-litellm-complexity-router-tier", tier);
    set("x-litellm-complexity-router-cause", because);
    set("x-litellm-complexity-router-score", score);
  } else if (kind === "quality") {
    set("x-litellm-quality-router-model", model);
    set("x-litellm-quality-router-tier", tier);
    set("x-litellm-quality-router-via", because);
    set("x-litellm-quality-router-keyword", keyword);
    set("x-litellm-quality-router-complexity", complexity);
  }
}
