import type { Part, ThinkingPart } from "./conversation.ts";

/**
 * A streamed thinking part as a client collects it (pieces of its text, and then its signature beside an empty text)
 * made one again. What is signed must come back letter by letter.
 */
export function joinedThinking<P extends Part>(parts: readonly P[]): P[] {
  const joined: P[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (last?.type === "thinking" && part.type === "thinking" && continues(last, part)) {
      joined[joined.length - 1] = { ...part, text: last.text + part.text };
    } else joined.push(part);
  }
  return joined;
}

/** Whether both are pieces of one thinking part: the earlier one has no seal yet. */
function continues(last: ThinkingPart, part: ThinkingPart): boolean {
  if (last.sealed !== undefined || last.redacted === true || part.redacted === true) return false;
  return part.sealed === undefined || part.text === "";
}
