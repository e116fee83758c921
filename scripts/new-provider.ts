/**
 * npm run new:provider -- ID --label NAME --base URL --documentation URL
 *
 * Makes the skeleton of an OpenAI-compatible provider: its file, its test, its name in `rows.ts` and its line in
 * docs/providers.md. Writes nothing when an answer is wrong, the id is taken or a file is there already.
 */
import { parseArgs } from "node:util";
import { findProvider } from "../src/providers/registry.ts";
import {
  fileName,
  type NewProvider,
  providerFault,
  providerSource,
  providerTest,
  withRow,
} from "./provider-skeleton.ts";

const USAGE = "usage: npm run new:provider -- ID --label NAME --base URL --documentation URL";
const ROWS = "src/providers/openai-compatible/rows.ts";

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function answers(): NewProvider {
  const text = { type: "string" } as const;
  const options = { label: text, base: text, documentation: text };
  try {
    const { values, positionals } = parseArgs({ args: process.argv.slice(2), options, allowPositionals: true });
    const [id, ...rest] = positionals;
    const { label, base, documentation } = values;
    if (id === undefined || rest.length > 0) return fail(USAGE);
    if (label === undefined || base === undefined || documentation === undefined) return fail(USAGE);
    return { id, label, base, documentation, read: new Date().toISOString().slice(0, 10) };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

process.chdir(new URL("..", import.meta.url).pathname);
const provider = answers();
const fault = providerFault(provider);
if (fault !== undefined) fail(fault);
const taken = findProvider(provider.id);
if (taken !== undefined) fail(`${provider.id} is there already: it is ${taken.label}`);

const source = `src/providers/openai-compatible/${fileName(provider.id)}.ts`;
const test = `test/providers/${fileName(provider.id)}.test.ts`;
for (const path of [source, test]) if (await Bun.file(path).exists()) fail(`${path} is there already`);
const rows = withRow(await Bun.file(ROWS).text(), provider.id);

await Bun.write(source, providerSource(provider));
await Bun.write(test, providerTest(provider));
await Bun.write(ROWS, rows);
const documented = Bun.spawnSync([process.execPath, "scripts/providers-docs.ts"], { stderr: "inherit" });
if (documented.exitCode !== 0) fail("docs/providers.md could not be written: see above");

console.log(`${source}: the provider; say here what differs from OpenAI
${test}: its test; put the provider's own bodies here
${ROWS} and docs/providers.md: its name`);
