import type { Json } from "../../json/json.ts";
import type { SourceLocation } from "../../snapshot/snapshot.ts";
import type { Path } from "../diagnostics.ts";
import type { Change } from "./plan-changes.ts";

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;
const LONGEST_VALUE = 60;

/** One line for each change, with where it stands, and a line at the end that says what will take them. */
export function renderPlan(changes: readonly Change[], locate: (path: Path) => SourceLocation): string {
  if (changes.length === 0) return "nothing changes";
  const lines = changes.map((change) => {
    const place = change.path === undefined ? undefined : locate(change.path);
    return `${SIGNS[change.kind]} ${textOf(change)}${place === undefined ? "" : `  (${place.file}:${place.line})`}`;
  });
  const later = changes.filter(({ atStart }) => atStart).length;
  const counted = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
  const closing = later === 0 ? counted : `${counted}; ${later} of them only with the next start (marked so)`;
  return [...lines, closing].join("\n");
}

function textOf({ kind, what, member, before, after, atStart }: Change): string {
  const mark = atStart ? " [next start]" : "";
  const name = member === undefined ? what : `${what}: ${member}`;
  if (kind === "added") return `${name}${after === undefined ? "" : ` = ${shown(after)}`}${mark}`;
  if (kind === "removed") return `${name}${before === undefined ? "" : ` (was ${shown(before)})`}${mark}`;
  return `${name}: ${shown(before)} → ${shown(after)}${mark}`;
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}
