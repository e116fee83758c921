/**
 * Changes members of a JSON object in its text, so that everything else passes through byte for byte: large integers,
 * number spellings, member order, white space and escapes survive.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;

function skipWhitespace(text: string, at: number): number {
  let index = at;
  for (;;) {
    const code = text.charCodeAt(index);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return index;
    index++;
  }
}

/** Index behind the closing quote of the string that opens at `at`. */
function skipString(text: string, at: number): number {
  let index = at + 1;
  for (;;) {
    index = text.indexOf('"', index);
    let slashes = 0;
    while (text.charCodeAt(index - 1 - slashes) === BACKSLASH) slashes++;
    index++;
    if (slashes % 2 === 0) return index;
  }
}

/** Index behind the value that begins at `at`. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  let index = at;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    for (;;) {
      const code = text.charCodeAt(index);
      if (code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= 32) return index;
      index++;
    }
  }
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) {
      index = skipString(text, index);
      continue;
    }
    index++;
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      depth--;
      if (depth === 0) return index;
    }
  }
}

interface Member {
  readonly key: string;
  /** From the key's opening quote to the end of the value. */
  readonly start: number;
  readonly end: number;
  readonly valueStart: number;
}

function members(text: string): { readonly open: number; readonly close: number; readonly members: Member[] } {
  const open = skipWhitespace(text, 0);
  const found: Member[] = [];
  let at = skipWhitespace(text, open + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const keyEnd = skipString(text, at);
    const valueStart = skipWhitespace(text, skipWhitespace(text, keyEnd) + 1);
    const end = skipValue(text, valueStart);
    found.push({ key: JSON.parse(text.slice(at, keyEnd)) as string, start: at, end, valueStart });
    at = skipWhitespace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipWhitespace(text, at + 1);
  }
  return { open, close: at, members: found };
}

/**
 * Applies `edits` to the top-level members of `text`, which must be the text of a JSON object that parses.
 * A value is raw JSON text; `undefined` removes the member; a member that is not there is appended. Of duplicate keys
 * the last one counts, as for `JSON.parse`, and the others are removed when the key is edited.
 */
export function patchObject(text: string, edits: ReadonlyMap<string, string | undefined>): string {
  if (edits.size === 0) return text;
  const { open, close, members: found } = members(text);
  const last = new Map<string, number>();
  found.forEach((member, index) => {
    last.set(member.key, index);
  });

  let patched = "";
  let previous = -1;
  found.forEach((member, index) => {
    const edited = edits.has(member.key);
    const value = edits.get(member.key);
    if (edited && (value === undefined || last.get(member.key) !== index)) return;
    // What stood between two neighbours stays, white space included.
    if (previous >= 0) patched += previous === index - 1 ? text.slice(found[previous]?.end, member.start) : ",";
    patched += edited ? text.slice(member.start, member.valueStart) + value : text.slice(member.start, member.end);
    previous = index;
  });
  for (const [key, value] of edits) {
    if (value === undefined || last.has(key)) continue;
    patched += `${patched === "" ? "" : ","}${JSON.stringify(key)}:${value}`;
  }
  const head = text.slice(0, previous === -1 || found.length === 0 ? open + 1 : (found[0]?.start ?? open + 1));
  const tail = text.slice(previous >= 0 && previous === found.length - 1 ? (found[previous]?.end ?? close) : close);
  return `${head}${patched}${tail}`;
}

/** The text of a top-level member's value; undefined where there is none. `text` must be that of an object that parses. */
export function memberText(text: string, key: string): string | undefined {
  const found = members(text).members.findLast((member) => member.key === key);
  return found === undefined ? undefined : text.slice(found.valueStart, found.end);
}

/**
 * Replaces the string value of a top-level member, given its present value. Much cheaper than `patchObject` where the
 * key's text occurs once, which is the usual case; otherwise it falls back to it.
 */
export function replaceStringMember(text: string, key: string, present: string, replacement: string): string {
  if (present === replacement) return text;
  const token = `"${key}"`;
  const at = text.indexOf(token);
  // A key may be spelled with escapes for its letters, which all begin with \\u00.
  if (at >= 0 && text.indexOf(token, at + token.length) < 0 && !text.includes("\\u00")) {
    const valueStart = skipWhitespace(text, skipWhitespace(text, at + token.length) + 1);
    const raw = JSON.stringify(present);
    if (text.startsWith(raw, valueStart)) {
      return text.slice(0, valueStart) + JSON.stringify(replacement) + text.slice(valueStart + raw.length);
    }
  }
  return patchObject(text, new Map([[key, JSON.stringify(replacement)]]));
}

/**
 * The edits that turn `before` into `after`, comparing top-level members by identity: whoever changes a nested value
 * must replace it, never mutate it.
 */
export function shallowEdits(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): Map<string, string | undefined> {
  const edits = new Map<string, string | undefined>();
  for (const key of Object.keys(after)) {
    const value = after[key];
    if (!Object.hasOwn(before, key) || value !== before[key])
      edits.set(key, value === undefined ? undefined : JSON.stringify(value));
  }
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) edits.set(key, undefined);
  }
  return edits;
}
