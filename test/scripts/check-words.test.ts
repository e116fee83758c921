import { expect, test } from "bun:test";
import { wordFaults } from "../../scripts/check-words.ts";

test("paths of one machine, registries and unfinished work are found with their line", () => {
  const bad = [
    'const file = "/work/main/a.ts";',
    "see /home/someone/notes",
    "/Users/someone/notes",
    '"resolved": "https://registry.npmjs.org/zod"',
    "// TODO: later",
    "// FIXME",
  ];
  for (const line of bad)
    expect(wordFaults("a.ts", `fine\n${line}\n`)).toEqual([expect.stringMatching(/^a\.ts:2 has "/)]);
});

test("addresses and words that only resemble them are left alone", () => {
  const good = [
    "https://example.com/work/items",
    "/app/config.yaml",
    "./work/x",
    "a hacked-together TODOS list",
    "$HOME/work/x",
  ];
  for (const line of good) expect(wordFaults("a.ts", line)).toEqual([]);
});
