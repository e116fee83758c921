import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/services/service.ts";

const KEY = "sk-of-the-built-gateway";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "isthmus-built-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("answers, with workers and pages, from any folder", async () => {
  const gateway = join(folder, "gateway");
  const build = Bun.spawn([process.execPath, "scripts/build-gateway.ts", gateway], { stdout: "ignore" });
  expect(await build.exited).toBe(0);
  const config = join(folder, "config.yml");
  writeFileSync(
    config,
    `model_list:\n  - { model_name: echo, litellm_params: { model: echo/echo } }\ngeneral_settings: { master_key: ${KEY} }\n`,
  );
  const port = await freePort();
  const serve = ["serve", "--config", config, "--port", `${port}`, "--host", "127.0.0.1", "--num_workers", "2"];
  const child = Bun.spawn([process.execPath, join(gateway, "main.js"), ...serve, "--data-dir", join(folder, "data")], {
    cwd: "/",
    stdout: "ignore",
    stderr: "ignore",
  });
  const url = `http://127.0.0.1:${port}`;
  const until = Date.now() + 20_000;
  try {
    while (Date.now() < until && !(await listens(url))) await Bun.sleep(50);
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "built" }] }),
    });
    expect(await answer.json()).toMatchObject({
      choices: [{ message: { content: expect.stringContaining("built") } }],
    });
    for (const name of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
      const page = await fetch(`${url}/swagger/${name}`);
      expect(page.status).toBe(200);
      expect((await page.text()).length).toBeGreaterThan(100_000);
    }
  } finally {
    child.kill();
    await child.exited;
  }
}, 60_000);

async function listens(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/liveliness`)).ok;
  } catch {
    return false; // not yet
  }
}
