import { expect, test } from "bun:test";
import { importFaults } from "../../scripts/check-imports.ts";
import { PORTABLE_ROOMS, ROOMS, rankOf } from "../../scripts/rooms.ts";

const file = (path: string, ...lines: string[]) => ({ path, text: lines.join("\n") });

test("a room imports what is below it, and its own files", () => {
  const files = [
    file("pipeline/a.ts", 'import { b } from "./b.ts";', 'import type { C } from "../formats/c.ts";'),
    file("pipeline/b.ts"),
    file("formats/c.ts", 'import { d } from "../json/d.ts";', 'import { z } from "zod";'),
    file("json/d.ts", 'export type { E } from "../usage/e.ts";'),
    file("usage/e.ts"),
  ];
  expect(importFaults(files)).toEqual([]);
});

test("an import upwards is named with its line, in whatever way it is written", () => {
  const ways = [
    'import { a } from "../pipeline/a.ts";',
    'import type { A } from "../pipeline/a.ts";',
    'import "../pipeline/a.ts";',
    'export * from "../pipeline/a.ts";',
    'const a = await import("../pipeline/a.ts");',
    'type A = import("../pipeline/a.ts").A;',
    'import {\n  one,\n  two,\n} from "../pipeline/a.ts";',
  ];
  for (const way of ways) {
    const faults = importFaults([file("pipeline/a.ts"), file("formats/b.ts", "// why", way)]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^src\/formats\/b\.ts:[2-5] imports "\.\.\/pipeline\/a\.ts".*pipeline/);
  }
});

test("rooms side by side may not import each other, save the words that all share", () => {
  const beside = [file("cache/a.ts", 'import "../guardrails/b.ts";'), file("guardrails/b.ts")];
  expect(importFaults(beside)).toHaveLength(1);
  expect(importFaults([file("errors/a.ts", 'import "../json/b.ts";'), file("json/b.ts")])).toEqual([]);
});

test("a circle between files of different rooms is shown whole", () => {
  const files = [
    file("errors/a.ts", 'import "../json/b.ts";'),
    file("json/b.ts", 'import "../usage/c.ts";'),
    file("usage/c.ts", 'import "../errors/a.ts";'),
  ];
  expect(importFaults(files)).toEqual([
    "src/usage/c.ts:1 closes a circle: errors/a.ts → json/b.ts → usage/c.ts → errors/a.ts",
  ]);
});

test("portable rooms import no module of Bun or Node", () => {
  for (const module of ["node:fs", "bun", "bun:sqlite", "fs", "fs/promises"]) {
    expect(importFaults([file("formats/a.ts", `import x from "${module}";`)])).toHaveLength(1);
    expect(importFaults([file("server/a.ts", `import x from "${module}";`)])).toEqual([]);
  }
});

test("what a comment says is no import", () => {
  const text = [
    '/* import "../pipeline/a.ts"; */',
    '// import "../pipeline/a.ts";',
    "/**",
    'import "../pipeline/a.ts";',
    "*/",
  ];
  expect(importFaults([file("pipeline/a.ts"), file("formats/b.ts", ...text)])).toEqual([]);
});

test("a folder that is no room is an error", () => {
  expect(importFaults([file("helpers/a.ts")])).toHaveLength(1);
});

test("the type checker goes over the same rooms without a platform", async () => {
  const config = (await import("../../tsconfig.portable.json")) as { default: { include: string[] } };
  expect(config.default.include.toSorted()).toEqual([...PORTABLE_ROOMS].map((room) => `src/${room}`).toSorted());
  for (const room of PORTABLE_ROOMS) expect(rankOf(room)).toBeLessThan(ROOMS.length);
});
