/**
 * npm test: provides what the tests need from outside, runs them, ends what it started, and says how many passed.
 *
 *   npm test                                 everything
 *   npm test -- test/store                   a folder or a file
 *   npm test -- test/json -t "escapes"       what else bun test understands
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { REQUIREMENTS, type Requirement } from "../test/requirements.ts";
import { findChromium } from "./services/chromium.ts";
import { startPostgres } from "./services/postgres.ts";
import { startRedis } from "./services/redis.ts";
import { endProcess, type Service, ServiceUnavailable, temporaryFolder } from "./services/service.ts";
import { type Counts, countsOf, requiredBy } from "./test-selection.ts";

const PROVIDERS: Readonly<Record<Requirement, { readonly variable: string; start(): Promise<Service> }>> = {
  postgres: { variable: "TEST_POSTGRES_URL", start: startPostgres },
  redis: { variable: "TEST_REDIS_URL", start: startRedis },
  chromium: { variable: "TEST_CHROMIUM", start: findChromium },
};

process.chdir(new URL("..", import.meta.url).pathname);
const args = process.argv.slice(2);
const services: Service[] = [];
const report = temporaryFolder("test-report");
let tests: Bun.Subprocess | undefined;
let interrupted = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interrupted = true;
    tests?.kill("SIGTERM");
  });
}

let status = 1;
let counts: Counts | undefined;
try {
  const env = await provide(requiredBy(args, REQUIREMENTS));
  if (!interrupted) ({ status, counts } = await runTests(env));
} finally {
  if (tests !== undefined) await endProcess(tests);
  await Promise.all(services.map((service) => service.stop()));
  report.remove();
}
// A file that cannot be loaded fails the run without being a test.
const failed = Math.max(counts?.failed ?? 0, status === 0 ? 0 : 1);
const skipped = counts?.skipped ? `, ${counts.skipped} skipped` : "";
console.log(`${counts?.passed ?? 0} passed, ${failed} failed${skipped}`);
process.exit(failed === 0 ? 0 : 1);

/** The environment of the tests; what cannot be provided is left out, and the tests that need it skip themselves. */
async function provide(requirements: readonly Requirement[]): Promise<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const requirement of requirements) {
    const { variable, start } = PROVIDERS[requirement];
    if (process.env[variable] !== undefined) continue; // the developer's own
    try {
      const service = await start();
      services.push(service);
      Object.assign(env, service.env);
    } catch (error) {
      if (!(error instanceof ServiceUnavailable)) throw error;
      console.log(`no ${requirement}, so tests that need it are skipped: ${error.message}`);
    }
  }
  return env;
}

async function runTests(env: Record<string, string>): Promise<{ status: number; counts: Counts | undefined }> {
  const outfile = join(report.path, "junit.xml");
  const paths = args.some((arg) => !arg.startsWith("-") && arg.startsWith("test")) ? [] : ["./test"];
  tests = Bun.spawn(
    [
      process.execPath,
      "test",
      "--no-orphans",
      // Each file in a fresh global; more processes than four only disturb the tests that measure time.
      `--parallel=${Math.min(availableParallelism(), 4)}`,
      // A test that hangs fails; one that a busy machine delays does not.
      "--timeout=30000",
      "--only-failures",
      "--reporter=junit",
      `--reporter-outfile=${outfile}`,
      ...args,
      ...paths,
    ],
    { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } },
  );
  const status = await tests.exited;
  const file = Bun.file(outfile);
  return { status, counts: (await file.exists()) ? countsOf(await file.text()) : undefined };
}
