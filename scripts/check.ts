/**
 * npm run check: everything that can be said about the code without running it. All steps run at once; each prints one
 * line, and what failed prints its output below.
 */
import { existsSync } from "node:fs";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

process.chdir(new URL("..", import.meta.url).pathname);
const bun = process.execPath;
const tool = (name: string): string => `node_modules/.bin/${name}`;

const steps: Step[] = [
  { name: "format and lint", command: [tool("biome"), "check", "--colors=off", "--max-diagnostics=50", "."] },
  { name: "types", command: [tool("tsc"), "-p", "."] },
  { name: "types without a platform", command: [tool("tsc"), "-p", "tsconfig.portable.json"] },
  { name: "import directions", command: [bun, "scripts/check-imports.ts"] },
  { name: "words", command: [bun, "scripts/check-words.ts"] },
  ...["providers", "config"]
    .map((subject) => ({ name: `docs drift: ${subject}`, script: `scripts/${subject}-docs.ts` }))
    .filter(({ script }) => existsSync(script))
    .map(({ name, script }) => ({ name, command: [bun, script, "--check"] })),
];

async function run({ name, command }: Step): Promise<boolean> {
  const start = performance.now();
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok    " : "FAILED"}  ${name} (${seconds} s)`);
  if (status !== 0) console.log(`${out}${err}`.trimEnd().replace(/^/gm, "        "));
  return status === 0;
}

const results = await Promise.all(steps.map(run));
const failed = results.filter((passed) => !passed).length;
console.log(failed === 0 ? `${steps.length} checks passed` : `${failed} of ${steps.length} checks failed`);
process.exit(failed === 0 ? 0 : 1);
