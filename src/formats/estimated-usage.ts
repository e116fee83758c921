import type { Usage } from "../usage/usage.ts";
import type { ResponseContext } from "./format.ts";
import { estimatedPromptTokens } from "./prompt.ts";

/** Usage where the provider counts what it wrote and not always what it read; the rest is estimated, and marked so. */
export function withEstimatedInput(input: number | undefined, output: number, context: ResponseContext): Usage {
  if (input !== undefined) return { buckets: { input, output } };
  if (context.request === undefined) return { buckets: { output }, estimated: true };
  return { buckets: { input: estimatedPromptTokens(context.request), output }, estimated: true };
}
