/**
 * npm run build:package: the SDK as plain JavaScript with types, in dist/sdk, for programs on Node, Deno, Workers and
 * in browsers. The gateway needs no build: bin/isthmus runs its sources.
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { $ } from "bun";

const entry = "src/sdk/index.ts";
process.chdir(new URL("..", import.meta.url).pathname);
rmSync("dist/sdk", { recursive: true, force: true });
if (!existsSync(entry)) {
  console.error(`${entry} does not exist: there is no SDK to build`);
  process.exit(1);
}
mkdirSync("dist/sdk", { recursive: true });
// The target is the narrowest of the platforms: what runs in a browser runs on the others. JSON data is inlined, since
// Node 20 warns at every import of a JSON module; what is imported lazily stays in files of its own.
await $`${process.execPath} build ${entry} --target=browser --format=esm --packages=external --splitting --sourcemap=linked --outdir dist/sdk`.quiet();
await $`node_modules/.bin/tsc -p tsconfig.sdk.json`;
console.log("dist/sdk: built");
