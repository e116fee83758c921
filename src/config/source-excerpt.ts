import type { SourceLocation } from "../snapshot/snapshot.ts";

/** Longer lines are cut around the place. */
const LONGEST = 120;
/** Names whose values are nobody's business; a reference to a variable is no secret. */
const SECRET =
  /((?:key|(?<!_per_)token|secret|password|credentials?|authorization|auth_value|url)["']?\s*:\s*)(?!os\.environ\/|["']os\.environ\/)([^\s,{}[\]#][^,}\]#]*)/gi;
/** What looks like a key wherever it stands. */
const KEY_LIKE = /\b(?:sk|pk|rk|gsk|hf|xai|AIza|AKIA|ghp|eyJ)[-_]?[A-Za-z0-9_\-.]{12,}/g;

/** The line at a place with a caret below, indented; undefined where the text is not at hand. */
export function excerptOf(text: string | undefined, { line, column }: SourceLocation): string | undefined {
  const source = text
    ?.replace(/^\uFEFF/, "")
    .split("\n", line)
    [line - 1]?.trimEnd();
  if (source === undefined || source.trim() === "") return undefined;
  // Blots have the length of what they hide, so that the caret stays where it belongs.
  const shown = source
    .replace(SECRET, (_, name: string, value: string) => name + "*".repeat(value.length))
    .replace(KEY_LIKE, (value) => "*".repeat(value.length))
    .replaceAll("\t", " ");
  const from = column > LONGEST ? column - LONGEST / 2 : 0;
  const cut = shown.slice(from, from + LONGEST);
  return `    ${cut}\n    ${" ".repeat(Math.max(column - 1 - from, 0))}^`;
}
