/**
 * The rooms of src/, from top to bottom. A room may import the rooms of the lines below its own, and nothing else;
 * rooms on the last line are the words that all share and may use one another, as long as no cycle comes of it.
 */
export const ROOMS: readonly (readonly string[])[] = [
  ["cli"],
  ["server"],
  ["management"],
  ["pipeline"],
  ["sdk"],
  ["guardrails", "cache", "observability", "prompts", "mcp"],
  ["auth"],
  ["http-client"],
  ["admission"],
  ["ledger"],
  ["store"],
  ["config"],
  ["routing"],
  ["providers"],
  ["formats"],
  ["upstream"],
  ["pricing"],
  ["usage", "events", "snapshot", "errors", "json"],
];

/** Rooms that programs embed, on whatever platform they run: web standards only, no module of Bun or Node. */
export const PORTABLE_ROOMS: ReadonlySet<string> = new Set([
  "sdk",
  "routing",
  "providers",
  "formats",
  "upstream",
  "pricing",
  "usage",
  "events",
  "snapshot",
  "errors",
  "json",
]);

/** 0 is the top; undefined for a folder that is no room. */
export function rankOf(room: string): number | undefined {
  const rank = ROOMS.findIndex((rooms) => rooms.includes(room));
  return rank === -1 ? undefined : rank;
}
