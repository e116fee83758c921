import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../scripts/services/service.ts";
import { ROOT, type RunningGateway, startGateway } from "../support/gateway.ts";

const folder = temporaryFolder("plan");
const running = {
  model_list: [{ model_name: "echo", litellm_params: { model: "echo/echo", rpm: 3, api_key: "sk-very-secret-thing" } }],
  router_settings: { num_retries: 1 },
};
let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway({ config: JSON.stringify(running) });
});

afterAll(async () => {
  await gateway.stop();
  folder.remove();
});

async function plan(file: object | string, args: readonly string[]): Promise<{ status: number; text: string }> {
  const path = join(folder.path, `${crypto.randomUUID()}.yml`);
  await Bun.write(path, typeof file === "string" ? file : JSON.stringify(file, undefined, 2));
  const child = Bun.spawn([process.execPath, join(ROOT, "src/cli/main.ts"), "plan", path, ...args], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, text: (out + err).replaceAll(path, "new.yml") };
}

const asked = (): string[] => ["--url", gateway.url, "--key", gateway.key];

test("the difference to what runs, with the lines of the file; no secret is shown", async () => {
  expect(await plan(running, asked())).toMatchObject({ status: 0, text: expect.stringContaining("nothing changes") });
  const [entry] = running.model_list;
  const changed = { ...running, model_list: [{ ...entry, litellm_params: { ...entry?.litellm_params, rpm: 4 } }] };
  const { status, text } = await plan(changed, asked());
  expect(status).toBe(2);
  expect(text).toMatch(/~ model echo \(echo\/echo\): litellm_params\.rpm: 3 → 4 {2}\(new\.yml:\d+\)/);
  const other = await plan(JSON.stringify(running).replace("very", "other"), asked());
  expect(other.text).toContain("litellm_params.api_key");
  expect(other.text).not.toContain("secret-thing");
});

test("another file instead of a gateway; a file that is wrong; a gateway that refuses", async () => {
  const against = join(folder.path, "against.yml");
  await Bun.write(against, JSON.stringify({ ...running, router_settings: { num_retries: 5 } }));
  expect(await plan(running, ["--against", against])).toMatchObject({
    status: 2,
    text: expect.stringContaining("~ router_settings.num_retries: 5 → 1"),
  });
  const wrong = await plan("model_list:\n  - model_name: [\n", ["--against", against]);
  expect(wrong.status).toBe(1);
  expect(wrong.text).toMatch(/new\.yml:\d+:\d+: error/);
  const refused = await plan(running, ["--url", gateway.url, "--key", "sk-nobody"]);
  expect(refused.status).not.toBe(0);
  expect(refused.text).toContain("answered 401");
});

test("the running configuration as YAML and in rows", async () => {
  const headers = { authorization: `Bearer ${gateway.key}` };
  const yaml = await fetch(`${gateway.url}/config/yaml`, { headers });
  expect(yaml.headers.get("content-type")).toBe("application/yaml");
  expect(yaml.headers.get("x-isthmus-configuration-version")).toMatch(/^[0-9a-f]{16}$/);
  const text = await yaml.text();
  expect(text).toContain("num_retries: 1");
  expect(text).not.toContain("very-secret");
  expect((await fetch(`${gateway.url}/config/yaml`)).status).toBe(401);
  const rows = (await (await fetch(`${gateway.url}/config/list?config_type=general_settings`, { headers })).json()) as {
    field_name: string;
  }[];
  expect(rows.map(({ field_name }) => field_name)).toContain("max_request_size_mb");
  expect((await fetch(`${gateway.url}/config/field/info?field_name=nothing`, { headers })).status).toBe(404);
  const callbacks = await fetch(`${gateway.url}/get/config/callbacks`, { headers });
  expect(await callbacks.json()).toMatchObject({
    status: "success",
    callbacks: [],
    router_settings: { num_retries: 1 },
  });
});
