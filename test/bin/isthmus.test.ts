import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Stands for the gateway: tells how it was started, then waits for SIGTERM if asked to. */
const MAIN = `
if (process.argv.includes("wait")) process.on("SIGTERM", () => process.exit(42));
console.log(JSON.stringify({
  args: process.argv.slice(2),
  pid: process.pid,
  ppid: process.ppid,
  limit: process.env.BUN_CONFIG_MAX_HTTP_REQUESTS,
  launcher: process.env.ISTHMUS_LAUNCHER_PID,
}));
if (process.argv.includes("wait")) {
  setInterval(() => {}, 1000);
} else process.exit(7);
`;
const PLACEHOLDER = "echo 'the install script was not run' >&2\nexit 1\n";
const NODE = Bun.which("node");

interface Started {
  readonly args: string[];
  readonly pid: number;
  readonly ppid: number;
  readonly limit: string;
  readonly launcher?: string;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "isthmus-bin-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lays out the package in `root`, and Bun, its install script blocked, in `modules`. */
function layOut(root: string, modules: string | undefined): string {
  cpSync("bin", join(root, "bin"), { recursive: true });
  mkdirSync(join(root, "src/cli"), { recursive: true });
  writeFileSync(join(root, "src/cli/main.ts"), MAIN);
  writeFileSync(join(root, "package.json"), '{"type":"module"}');
  if (modules !== undefined) {
    mkdirSync(join(modules, "bun/bin"), { recursive: true });
    writeFileSync(join(modules, "bun/package.json"), "{}");
    writeFileSync(join(modules, "bun/bin/bun.exe"), PLACEHOLDER, { mode: 0o755 });
    mkdirSync(join(modules, "@oven/bun-linux-x64/bin"), { recursive: true });
    symlinkSync(process.execPath, join(modules, "@oven/bun-linux-x64/bin/bun"));
  }
  return join(root, "bin/isthmus");
}

function run(command: readonly string[], env: Record<string, string> = {}) {
  const clean = { PATH: process.env.PATH ?? "", HOME: folder };
  return Bun.spawn([...command], { cwd: folder, env: { ...clean, ...env }, stdout: "pipe", stderr: "pipe" });
}

async function firstLine(child: ReturnType<typeof run>): Promise<Started> {
  const { value } = await child.stdout.getReader().read();
  return JSON.parse(new TextDecoder().decode(value)) as Started;
}

describe("as a command", () => {
  test("becomes the gateway: same process, all arguments, its status", async () => {
    const root = join(folder, "clone with spaces");
    const child = run([layOut(root, join(root, "node_modules")), "serve", "--config", "a b.yml", ""]);
    const started = await firstLine(child);
    expect(started).toMatchObject({ args: ["serve", "--config", "a b.yml", ""], pid: child.pid, limit: "65535" });
    expect(await child.exited).toBe(7);
  });

  test("keeps a limit that the environment sets", async () => {
    const root = join(folder, "limit");
    const child = run([layOut(root, join(root, "node_modules"))], { BUN_CONFIG_MAX_HTTP_REQUESTS: "9" });
    expect((await firstLine(child)).limit).toBe("9");
  });

  test("finds Bun beside itself when it is a dependency, and through npx's link", async () => {
    const modules = join(folder, "app/node_modules");
    const program = layOut(join(modules, "isthmus"), modules);
    const link = join(modules, ".bin/isthmus");
    mkdirSync(dirname(link));
    symlinkSync("../isthmus/bin/isthmus", link);
    for (const each of [program, link]) expect(await run([each]).exited).toBe(7);
  });

  test("finds Bun's platform package beside bun's own folder, where pnpm puts it", async () => {
    const root = join(folder, "pnpm");
    const store = join(root, "node_modules/.pnpm/bun@1/node_modules");
    const program = layOut(root, store);
    symlinkSync(join(store, "bun"), join(root, "node_modules/bun"));
    expect(await run([program]).exited).toBe(7);
  });

  test("runs the built gateway until a source is newer", async () => {
    const root = join(folder, "built");
    const program = layOut(root, join(root, "node_modules"));
    const built = join(root, "dist/gateway");
    mkdirSync(built, { recursive: true });
    writeFileSync(join(built, "main.js"), "process.exit(9)");
    expect(await run([program]).exited).toBe(7); // half of it: it is being built
    writeFileSync(join(built, "main.js.jsc"), "");
    const later = new Date(Date.now() + 60_000);
    utimesSync(join(built, "main.js.jsc"), later, later);
    expect(await run([program]).exited).toBe(9);
    const latest = new Date(Date.now() + 120_000);
    utimesSync(join(root, "src/cli/main.ts"), latest, latest);
    expect(await run([program]).exited).toBe(7);
  });

  test("says what to do where Bun is not installed", async () => {
    const child = run([layOut(join(folder, "bare"), undefined)]);
    expect(await new Response(child.stderr).text()).toContain("npm install");
    expect(await child.exited).toBe(1);
  });
});

describe.skipIf(NODE === null)("run by Node", () => {
  const node = NODE as string;
  let program: string;
  beforeAll(() => {
    const root = join(folder, "by-node");
    program = layOut(root, join(root, "node_modules"));
  });

  test("passes arguments and status on and names itself", async () => {
    const child = run([node, program, "a b", ""]);
    const started = await firstLine(child);
    expect(started).toMatchObject({ args: ["a b", ""], ppid: child.pid, launcher: `${child.pid}`, limit: "65535" });
    expect(await child.exited).toBe(7);
  });

  test("passes SIGTERM on and ends with the gateway's status", async () => {
    const child = run([node, program, "wait"]);
    await firstLine(child);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(42);
  });

  test("dies of the signal that the gateway died of", async () => {
    const child = run([node, program, "wait"]);
    const { pid } = await firstLine(child);
    process.kill(pid, "SIGKILL");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
  });
});
