import { z } from "zod";

export const fallbackTypes = z.enum(["general", "context_window", "content_policy"]);

/** The key of `router_settings` that holds a kind of fallbacks. */
export function listKey(type: z.output<typeof fallbackTypes>): string {
  return type === "general" ? "fallbacks" : `${type}_fallbacks`;
}
