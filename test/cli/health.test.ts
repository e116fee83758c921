import { afterAll, expect, test } from "bun:test";
import { UsageError } from "../../src/cli/arguments.ts";
import { health } from "../../src/cli/commands/health.ts";

let status = 200;
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) =>
    new URL(request.url).pathname === "/gateway/health/readiness"
      ? Response.json({ status: "healthy" }, { status })
      : new Response("no", { status: 404 }),
});
afterAll(() => server.stop(true));

test("status 0 when the gateway is ready, 1 when it is not, 1 when there is none", async () => {
  const port = String(server.port);
  const environment = { PORT: port, SERVER_ROOT_PATH: "/gateway" };
  status = 200;
  expect(await health.run([], environment)).toBe(0);
  status = 503;
  expect(await health.run([], environment)).toBe(1);
  expect(await health.run(["--url", `http://127.0.0.1:${port}/gateway/`], {})).toBe(1);
  expect(await health.run(["--url", "http://127.0.0.1:1"], {})).toBe(1);
});

test("what is no address is a usage error", async () => {
  expect(health.run(["--url", "here"], {})).rejects.toThrow(UsageError);
  expect(health.run(["--nonsense"], {})).rejects.toThrow(UsageError);
});
