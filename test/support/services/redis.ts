import { findRedisServer, startRedis } from "../../../scripts/services/redis.ts";
import {
  endProcess,
  freePort,
  type Service,
  ServiceUnavailable,
  startProcess,
  temporaryFolder,
} from "../../../scripts/services/service.ts";

/** A Redis for one test file: its keys begin with `prefix`, which no other file has. */
export interface TestRedis {
  readonly url: string;
  readonly prefix: string;
}

let alone: Promise<Service> | undefined;

/**
 * The server of this run of the tests: the one that `npm test` started or the developer named, else one that this
 * process starts and ends. Undefined, with a line that says why, where there is none; then tests skip themselves:
 * `describe.skipIf(redis === undefined)`. Keep to `prefix`; what flushes, stops or reconfigures takes `ownRedis`.
 */
export async function testRedis(name: string): Promise<TestRedis | undefined> {
  const prefix = `test:${name}:${crypto.randomUUID().slice(0, 8)}:`;
  const given = process.env.TEST_REDIS_URL;
  if (given !== undefined) return { url: given, prefix };
  try {
    alone ??= startRedis().then((service) => {
      process.once("exit", () => void service.stop());
      return service;
    });
    const { env } = await alone;
    return { url: env.TEST_REDIS_URL as string, prefix };
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    console.log(`no redis, so tests that need it are skipped: ${error.message}`);
    return undefined;
  }
}

/** A server that one test has for itself, to be stopped, frozen, flushed. */
export interface OwnRedis {
  readonly url: string;
  readonly port: number;
  /** Answers nothing and keeps its connections, like a machine that hangs. */
  freeze(): void;
  thaw(): void;
  /** Ends at once, as by a crash. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a server with further arguments (`--requirepass secret`, `--cluster-enabled yes` …) on a free port; as a sentinel
 * where a file for one is given.
 */
export async function ownRedis(
  args: readonly string[] = [],
  options: { readonly sentinelFile?: string } = {},
): Promise<OwnRedis> {
  const program = await findRedisServer();
  const port = await freePort();
  const folder = temporaryFolder("own-redis");
  const place = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder.path];
  const command =
    options.sentinelFile === undefined
      ? [program, ...place, "--save", "", "--appendonly", "no", ...args]
      : [program, options.sentinelFile, "--sentinel", ...place, ...args];
  const accepts = async (): Promise<boolean> => {
    try {
      const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
      socket.end();
      return true;
    } catch {
      return false;
    }
  };
  const begin = () => startProcess(command, accepts, { cwd: folder.path });
  let child = await begin();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async start() {
      child = await begin();
    },
    async stop() {
      if (child.exitCode === null) {
        child.kill("SIGCONT");
        await endProcess(child, "SIGKILL");
      }
      folder.remove();
    },
  };
}
