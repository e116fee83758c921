import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where figures are kept. */
export const RESULTS = join(import.meta.dir, "results.md");

/** The parts of the file, in their order; each is written by its own command and leaves the others alone. */
export const PARTS = ["bench", "scale-sqlite", "scale-postgres"] as const;

export type Part = (typeof PARTS)[number];

const mark = (part: Part): string => `<!-- ${part} -->`;

/** Writes one part of the file anew. */
export function writePart(part: Part, text: string, file = RESULTS): void {
  const parts = readParts(existsSync(file) ? readFileSync(file, "utf8") : "");
  parts.set(part, text.trim());
  const written = PARTS.flatMap((name) => {
    const body = parts.get(name);
    return body === undefined || body === "" ? [] : [`${mark(name)}\n${body}\n`];
  });
  writeFileSync(file, written.join("\n"));
}

/** The parts of a file by their marks; text before the first mark belongs to the first part. */
function readParts(text: string): Map<Part, string> {
  const found = PARTS.map((part) => ({ part, at: text.indexOf(mark(part)) })).filter(({ at }) => at >= 0);
  const parts = new Map<Part, string>();
  if ((found[0]?.at ?? text.length) > 0) parts.set(PARTS[0], text.slice(0, found[0]?.at).trim());
  for (const [index, { part, at }] of found.entries()) {
    parts.set(part, text.slice(at + mark(part).length, found[index + 1]?.at).trim());
  }
  return parts;
}
