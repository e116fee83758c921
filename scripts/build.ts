/**
 * npm run build: one executable, dist/isthmus, with the runtime, the gateway and all its data in it.
 *
 *   scripts/bun scripts/build.ts [--target bun-linux-arm64]
 *
 * A target is one of Bun's (https://bun.com/docs/bundler/executables, 2026-11); without one it is this machine.
 */
import { mkdirSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { $ } from "bun";

const { values } = parseArgs({ options: { target: { type: "string" }, outfile: { type: "string" } } });
const outfile = values.outfile ?? "dist/isthmus";
const target = values.target === undefined ? [] : [`--target=${values.target}`];

process.chdir(new URL("..", import.meta.url).pathname);
mkdirSync("dist", { recursive: true });
await $`${process.execPath} build --compile --bytecode --minify-syntax --minify-whitespace --sourcemap=inline ${target} src/cli/main.ts --outfile ${outfile}`.quiet();
console.log(`${outfile}: ${Math.round(statSync(outfile).size / 2 ** 20)} MiB`);
