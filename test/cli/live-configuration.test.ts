import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { type RunningGateway, startGateway } from "../support/gateway.ts";
import { chatStream, startUpstream, type Upstream } from "../support/upstream.ts";

const folder = mkdtempSync(join(tmpdir(), "isthmus-reload-"));
const main = join(folder, "config.yml");
const models = join(folder, "models.yml");
let upstream: Upstream;
let gateway: RunningGateway;

const entry = (name: string, more = ""): string =>
  `  - model_name: ${name}\n    litellm_params: {model: openai/m, api_base: ${upstream.url}/v1, api_key: k${more}}\n`;

/** As editors and orchestrators do it: another file takes the place of the old one. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

beforeAll(async () => {
  upstream = startUpstream(() => chatStream(["a"]));
  writeFileSync(main, "include: [models.yml]\n");
  writeFileSync(models, `model_list:\n${entry("one")}`);
  gateway = await startGateway({ args: ["--config", main, "--num_workers", "2"] });
});

afterAll(async () => {
  await gateway.stop();
  await upstream.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function served(): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.key}` } });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id).join(" ");
}

/** Until every process says so: several answers in a row. */
async function everywhere(expected: string): Promise<void> {
  await eventually(async () => {
    for (let ask = 0; ask < 12; ask++) if ((await served()) !== expected) return false;
    return true;
  });
}

test("a changed include is in force in every process; streams under way keep what they began with", async () => {
  upstream.handler = () => chatStream(Array(40).fill("word "), { gap: 50 });
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({ model: "one", stream: true, messages: [{ role: "user", content: "hi" }] }),
  });
  expect(response.status).toBe(200);
  write(models, `model_list:\n${entry("two")}${entry("three")}`);
  await everywhere("two three");
  expect(await response.text()).toEndWith("data: [DONE]\n\n");
});

test("a file that is wrong is refused whole, with its line; the one in force stays", async () => {
  write(models, `model_list:\n${entry("four")}  - model_name: [\n`);
  await eventually(() => gateway.output().includes("the changed configuration is refused"));
  expect(gateway.output()).toMatch(/models\.yml:\d+:\d+: error/);
  expect(await served()).toBe("two three");
});

test("a deployment that works is not lost to a slip; one that is new and wrong is only skipped", async () => {
  write(models, `model_list:\n${entry("two")}${entry("three").replace("openai/m", "opnai/m")}`);
  await eventually(() => gateway.output().includes("deployments that work would end"));
  expect(await served()).toBe("two three");
  write(
    models,
    `model_list:\n${entry("two")}${entry("three")}${entry("five").replace("openai/m", "opnai/m")}${entry("six")}`,
  );
  await everywhere("two three six");
});

test("SIGHUP reads again what did not look changed; readiness tells the version", async () => {
  const version = async (): Promise<string> => {
    const response = await fetch(`${gateway.url}/health/readiness/details`, {
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    return ((await response.json()) as { configuration_version: string }).configuration_version;
  };
  const before = await version();
  const text = readFileSync(models, "utf8");
  gateway.process.kill("SIGHUP");
  await eventually(() => gateway.output().includes("was read again and is the same"));
  expect(await version()).toBe(before);
  write(models, text.replace("six", "seven"));
  gateway.process.kill("SIGHUP");
  await everywhere("two three seven");
  expect(await version()).not.toBe(before);
});
