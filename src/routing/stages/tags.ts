import type { Candidate } from "../candidate.ts";
import { keep, type SelectionInput, type Stage } from "../selection.ts";

const DEFAULT = "default";

/** A request's tags by what they ask: `!tag` excludes, `&tag` requires, others are wanted. */
export interface AskedTags {
  readonly excluded: readonly string[];
  readonly required: readonly string[];
  readonly wanted: readonly string[];
}

export function askedTags(tags: readonly string[], prefix: string): AskedTags {
  const asked = { excluded: [] as string[], required: [] as string[], wanted: [] as string[] };
  for (const tag of tags) {
    const mark = tag[0];
    const list = mark === "!" ? asked.excluded : mark === "&" ? asked.required : asked.wanted;
    const name = mark === "!" || mark === "&" ? tag.slice(1) : tag;
    if (prefix === "") list.push(name);
    else if (name.startsWith(prefix)) list.push(name.slice(prefix.length));
  }
  return asked;
}

/** Whether a deployment's tags answer what was asked: exclude, then require, then any (or all) of the wanted. */
export function matchesTags(has: ReadonlySet<string>, asked: AskedTags, matchAny: boolean): boolean {
  if (asked.excluded.some((tag) => has.has(tag))) return false;
  if (!asked.required.every((tag) => has.has(tag))) return false;
  if (asked.wanted.length === 0) return true;
  return matchAny ? asked.wanted.some((tag) => has.has(tag)) : asked.wanted.every((tag) => has.has(tag));
}

/**
 * Tag routing as LiteLLM has it. Without tags: the deployments tagged `default` if there are any, else those without
 * tags, else all. With tags and no match: the `default` ones, else none. `tag_regex` matches request headers first.
 */
export const tagged: Stage = (candidates, input) => {
  const { matchAny, prefix } = input.rules.tags;
  const asked = askedTags(input.request.tags, prefix);
  const any = asked.excluded.length + asked.required.length + asked.wanted.length > 0;
  const byHeader = candidates.filter((candidate) => matchesHeader(candidate, input));
  if (byHeader.length > 0) return only(candidates, byHeader, input);
  if (any) {
    const matching = candidates.filter(({ tags }) => matchesTags(tags, asked, matchAny));
    if (matching.length > 0) return only(candidates, matching, input);
    const pool = candidates.filter(({ tags }) => tags.has(DEFAULT) && !asked.excluded.some((tag) => tags.has(tag)));
    return only(candidates, pool, input);
  }
  const standard = candidates.filter(({ tags }) => tags.has(DEFAULT));
  if (standard.length > 0) return only(candidates, standard, input);
  const untagged = candidates.filter(({ tags, tagPatterns }) => tags.size === 0 && tagPatterns.length === 0);
  return untagged.length > 0 ? only(candidates, untagged, input) : candidates;
};

function only(
  candidates: readonly Candidate[],
  chosen: readonly Candidate[],
  input: SelectionInput,
): readonly Candidate[] {
  if (chosen.length === candidates.length) return candidates;
  const set = new Set(chosen);
  return keep(candidates, input, (candidate) => (set.has(candidate) ? undefined : "tags"));
}

/** A pattern is written for a whole header line: `^User-Agent:\s*claude-code/`. */
function matchesHeader({ tagPatterns }: Candidate, { request }: SelectionInput): boolean {
  return tagPatterns.some((pattern) => {
    const name = /^\^?([A-Za-z0-9-]+):/.exec(pattern.source)?.[1];
    const value = name === undefined ? null : request.header(name);
    return value !== null && pattern.test(`${name}: ${value}`);
  });
}
