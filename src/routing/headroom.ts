/** Names of what is left and of the whole, as OpenAI's, Anthropic's and their likes' answers have them. */
const LIMITS: readonly (readonly [left: string, whole: string])[] = [
  ["x-ratelimit-remaining-requests", "x-ratelimit-limit-requests"],
  ["x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens"],
  ["anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-limit"],
  ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-limit"],
  ["anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-limit"],
  ["anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-limit"],
];

/** Share of the tightest limit that is left, from 0 to 1, as an answer's headers say it; undefined where they do not. */
export function headroomIn(headers: { get(name: string): string | null }): number | undefined {
  let share: number | undefined;
  for (const [left, whole] of LIMITS) {
    const limit = figure(headers.get(whole));
    const remaining = limit === undefined || limit <= 0 ? undefined : figure(headers.get(left));
    if (limit === undefined || remaining === undefined) continue;
    const own = Math.min(1, Math.max(0, remaining / limit));
    if (share === undefined || own < share) share = own;
  }
  return share;
}

function figure(text: string | null): number | undefined {
  if (text === null || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
