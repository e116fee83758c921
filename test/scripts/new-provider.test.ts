import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { exportName, fileName, variablePrefix, withRow } from "../../scripts/provider-skeleton.ts";

const root = resolve(import.meta.dir, "../..");
const clone = mkdtempSync(join(tmpdir(), "isthmus-provider-"));
const made = ["src/providers/openai-compatible/my-cloud.ts", "test/providers/my-cloud.test.ts"] as const;
const rows = "src/providers/openai-compatible/rows.ts";
const documented = "test/providers/documented.json";

/** A copy of what the script reads and writes, so that the repository stays as it is. */
beforeAll(() => {
  for (const path of ["src", "scripts", "docs", "test/support", "package.json", "tsconfig.json", "biome.json"]) {
    cpSync(join(root, path), join(clone, path), { recursive: true });
  }
  mkdirSync(join(clone, "test/providers"));
  cpSync(join(root, documented), join(clone, documented));
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
});

afterAll(() => rmSync(clone, { recursive: true, force: true }));

function run(...command: string[]): { status: number; said: string } {
  const child = Bun.spawnSync(command, { cwd: clone, stdout: "pipe", stderr: "pipe" });
  return { status: child.exitCode, said: `${child.stdout}${child.stderr}` };
}

function newProvider(id: string, answers: Record<string, string> = {}): { status: number; said: string } {
  const all = { label: "MyCloud", base: "https://api.my.test/v1", documentation: "https://docs.my.test", ...answers };
  const options = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  return run(process.execPath, "scripts/new-provider.ts", id, ...options);
}

describe("wrong answers are named, and nothing is written", () => {
  test.each([
    ["groq", {}, "it is Groq"],
    ["togetherai", {}, "it is TogetherAI"],
    ["My-Cloud", {}, 'the id "My-Cloud" must be'],
    ["../cloud", {}, 'the id "../cloud" must be'],
    ["my_cloud", { label: "My Cloud" }, 'the label "My Cloud" must be'],
    ["my_cloud", { base: "https://api.my.test/v1/" }, "without a slash at its end"],
    ["my_cloud", { base: 'https://api.my.test/"+x' }, "must be a URL"],
    ["my_cloud", { documentation: "docs.my.test" }, "must be an https URL"],
    ["my_cloud", { colour: "red" }, "usage: npm run new:provider"],
  ])("%s %j", (id, answers, sentence) => {
    const { status, said } = newProvider(id, answers);
    expect(said).toContain(sentence);
    expect(status).toBe(1);
    for (const path of made) expect(existsSync(join(clone, path))).toBe(false);
    expect(readFileSync(join(clone, rows), "utf8")).toBe(readFileSync(join(root, rows), "utf8"));
  });
});

describe("a skeleton", () => {
  let first: { status: number; said: string };
  beforeAll(() => {
    first = newProvider("my_cloud");
  });

  test("says which files are to be filled", () => {
    expect(first).toEqual({ status: 0, said: expect.stringContaining(made[0]) });
    expect(readFileSync(join(clone, "docs/providers.md"), "utf8")).toContain("| `my_cloud` | [MyCloud]");
  });

  test("passes its own test: request, answer, stream, tool call and error over HTTP", () => {
    const { status, said } = run(process.execPath, "test", made[1]);
    expect(said).toContain("4 pass");
    expect(status).toBe(0);
  });

  test("has types and format as the check wants them", async () => {
    const config = { extends: "./tsconfig.json", include: [], files: [...made, rows] };
    await Bun.write(join(clone, "tsconfig.made.json"), JSON.stringify(config));
    expect(run("node_modules/.bin/tsc", "-p", "tsconfig.made.json")).toEqual({ status: 0, said: "" });
    const format = run("node_modules/.bin/biome", "check", "--vcs-enabled=false", "--colors=off", ...made, rows);
    expect([format.status, format.status === 0 ? "" : format.said]).toEqual([0, ""]);
  }, 60_000);

  test("is not made twice", () => {
    expect(newProvider("my_cloud")).toEqual({ status: 1, said: expect.stringContaining("my_cloud is there already") });
  });
});

test("names follow from the id", () => {
  expect([fileName("my_own_cloud"), exportName("my_own-cloud"), variablePrefix("my-own_cloud")]).toEqual([
    "my-own-cloud",
    "myOwnCloud",
    "MY_OWN_CLOUD",
  ]);
});

test("a row goes where the order of imports puts it, first, among others or last", () => {
  const written = readFileSync(join(root, rows), "utf8");
  for (const id of ["aaa", "kiwi", "zzz"]) {
    const imports = [...withRow(written, id).matchAll(/from "(\.\/[^"]+)";/g)].map((match) => match[1]);
    expect(imports).toContain(`./${id}.ts`);
    expect(imports).toEqual(imports.toSorted());
    expect(withRow(written, id)).toContain(`  ${id},\n  ...MODEL_MAKERS,`);
  }
  expect(() => withRow("", "kiwi")).toThrow("no list of rows");
});
