import type { ParameterReport } from "./report.ts";

/** OpenAI refuses longer ones (https://developers.openai.com/api/reference/resources/responses, 2026-11-24). */
const LONGEST = 64;

/** The end user's id as OpenAI takes it. Other formats allow longer ones: those of Claude Code have 123 characters. */
export function boundedUserId(user: string | undefined, report: ParameterReport): string | undefined {
  if (user === undefined || user.length <= LONGEST) return user;
  const cut = user.slice(0, LONGEST);
  report.clamped("user", cut, "OpenAI takes at most 64 characters");
  return cut;
}
