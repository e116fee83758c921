import { expect, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };

const all: Record<string, string> = { ...packageJson.dependencies, ...packageJson.devDependencies };

test("every dependency has its line of reason, and no line is left over", async () => {
  const document = await Bun.file("docs/dependencies.md").text();
  const rows = [...document.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] as string);
  expect(rows.toSorted()).toEqual(Object.keys(all).toSorted());
});

test("versions are pinned exactly", () => {
  for (const [name, version] of Object.entries(all)) expect(`${name} ${version}`).toMatch(/ \d+\.\d+\.\d+$/);
});

test("the lock file names no registry", async () => {
  expect(await Bun.file("package-lock.json").text()).not.toContain('"resolved"');
});
