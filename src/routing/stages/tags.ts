import type { Candidate } from "../candidate.ts";
import { keep, type SelectionInput, type Stage } from "../selection.ts";

const DEFAULT = "default";

/** A request's tags by what they ask: `!tag` excludes, `&tag` requires, others are wanted. */
export interface AskedTags {
  readonly excluded: readonly string[];
  readonly required: readonly string[];
  readonly wanted: readonly string[];
  /** Those that had the prefix of routing tags: they are meant for routing, whether anybody knows them or not. */
  readonly meant: ReadonlySet<string>;
}

export function askedTags(tags: readonly string[], prefix: string): AskedTags {
  const asked = {
    excluded: [] as string[],
    required: [] as string[],
    wanted: [] as string[],
    meant: new Set<string>(),
  };
  for (const written of tags) {
    const prefixed = prefix !== "" && written.startsWith(prefix);
    const tag = prefixed ? written.slice(prefix.length) : written;
    const mark = tag[0];
    const list = mark === "!" ? asked.excluded : mark === "&" ? asked.required : asked.wanted;
    const name = list === asked.wanted ? tag : tag.slice(1);
    // A mark alone asks for nothing.
    if (list !== asked.wanted && name === "") continue;
    list.push(name);
    if (prefixed) asked.meant.add(name);
  }
  return asked;
}

/**
 * Tag routing as LiteLLM has it: exclude, then require, then any (or all) of the wanted. Nothing wanted: the deployments
 * tagged `default`, if there are any, else all. Something wanted that no deployment of the group has: the `default` ones,
 * else none. Something wanted that the group has, but not where it may be: none, unless `model_info.allow_fail_open` says
 * that what the caller asks for itself may be forgotten then.
 */
export const tagged: Stage = (candidates, input) => {
  const { matchAny, prefix } = input.rules.tags;
  const asked = askedTags(input.request.tags, prefix);
  const found = matching(candidates, asked, matchAny, input) ?? failOpen(candidates, asked, input);
  return only(candidates, found, input);
};

/** Undefined: nothing answers what was asked. */
function matching(
  candidates: readonly Candidate[],
  asked: AskedTags,
  matchAny: boolean,
  input: SelectionInput,
): readonly Candidate[] | undefined {
  const allowed = candidates.filter((candidate) => isAllowed(candidate, asked));
  const byHeader = asked.required.length === 0 && allowed.some((candidate) => looksAtHeaders(candidate, input));
  if (asked.wanted.length === 0 && !byHeader) {
    if (asked.required.length > 0) return orNone(allowed);
    if (asked.excluded.length > 0)
      return orNone(defaults(candidates).filter((candidate) => isAllowed(candidate, asked)));
    return defaults(candidates);
  }
  const matched = allowed.filter((candidate) => answers(candidate, asked, matchAny, input));
  if (matched.length > 0) return matched;
  const standard = allowed.filter(({ tags }) => tags.has(DEFAULT));
  if (standard.length === 0) return undefined;
  const known = asked.wanted.some((tag) => asked.meant.has(tag) || candidates.some(({ tags }) => tags.has(tag)));
  return known ? undefined : standard;
}

/** What is left when only the key's and the team's own constraints count, where the group allows that. */
function failOpen(candidates: readonly Candidate[], asked: AskedTags, input: SelectionInput): readonly Candidate[] {
  if (!candidates.some(({ deployment }) => deployment.info.allow_fail_open === true)) return [];
  const known = asked.required.filter((tag) => asked.meant.has(tag) || candidates.some(({ tags }) => tags.has(tag)));
  // A tag that nobody ever had must not open what the other tags would have decided.
  if (known.length > 0 && known.length < asked.required.length) {
    if (candidates.some((candidate) => isAllowed(candidate, { ...asked, required: known }))) return [];
  }
  const own = askedTags(input.request.policyTags ?? [], input.rules.tags.prefix);
  const trusted = {
    excluded: own.excluded.filter((tag) => asked.excluded.includes(tag)),
    required: own.required.filter((tag) => asked.required.includes(tag)),
  };
  return defaults(candidates.filter((candidate) => isAllowed(candidate, trusted)));
}

function isAllowed({ tags }: Candidate, { excluded, required }: Pick<AskedTags, "excluded" | "required">): boolean {
  return !excluded.some((tag) => tags.has(tag)) && required.every((tag) => tags.has(tag));
}

/** By its tags, else by a header of the request; not by the latter where all tags must be there and are not. */
function answers(candidate: Candidate, { wanted }: AskedTags, matchAny: boolean, input: SelectionInput): boolean {
  const { tags } = candidate;
  const has = (tag: string): boolean => tags.has(tag);
  if (tags.size > 0 && wanted.length > 0 && (matchAny ? wanted.some(has) : wanted.every(has))) return true;
  return (matchAny || tags.size === 0) && matchesHeader(candidate, input);
}

function defaults(candidates: readonly Candidate[]): readonly Candidate[] {
  const standard = candidates.filter(({ tags }) => tags.has(DEFAULT));
  return standard.length > 0 ? standard : candidates;
}

function orNone(candidates: readonly Candidate[]): readonly Candidate[] | undefined {
  return candidates.length === 0 ? undefined : candidates;
}

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
function headerOf(pattern: RegExp): string {
  return /^\^?([A-Za-z0-9-]+):/.exec(pattern.source)?.[1] ?? "User-Agent";
}

function looksAtHeaders({ tagPatterns }: Candidate, { request }: SelectionInput): boolean {
  return tagPatterns.some((pattern) => (request.header(headerOf(pattern)) ?? "") !== "");
}

function matchesHeader({ tagPatterns }: Candidate, { request }: SelectionInput): boolean {
  return tagPatterns.some((pattern) => {
    const name = headerOf(pattern);
    const value = request.header(name);
    return value !== null && value !== "" && pattern.test(`${name}: ${value}`);
  });
}
