import { resolve } from "node:path";
import { countersFile, forgetCounters } from "../admission/sqlite-counters.ts";
import type { ServeOptions } from "./arguments.ts";

/** Concurrent upstream requests that Bun allows; read once when the process starts, 256 unless said otherwise. */
export const UPSTREAM_LIMIT_VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const UPSTREAM_LIMIT = "65535";
/** Milliseconds for which the allocator keeps freed pages; its default of 10 has each request fault them in anew. */
const PURGE_DELAY = { MIMALLOC_PURGE_DELAY: "2000" };
const WORKER_VARIABLE = "ISTHMUS_WORKER";
/** What a worker tells its supervisor when its port is open. */
export const LISTENING = "listening";
/** What it tells them when all of them end. */
export const ENDING = "ending";

type Environment = Readonly<Record<string, string | undefined>>;

/** A worker serves itself; a process that is to have several, or that was started with too low a limit, starts them. */
export function needsSupervisor(options: ServeOptions, environment: Environment): boolean {
  if (environment[WORKER_VARIABLE] !== undefined) return false;
  return options.workers > 1 || environment[UPSTREAM_LIMIT_VARIABLE] === undefined;
}

/** The worker's number, from 0; undefined when the process was not started by a supervisor. */
export function workerNumber(environment: Environment): number | undefined {
  const value = environment[WORKER_VARIABLE];
  return value === undefined ? undefined : Number(value);
}

/** A worker that lived shorter than this died of something that a new one would die of, too. */
const SHORT_LIFE_MS = 2000;
const MOST_SHORT_LIVES = 5;

/**
 * Runs `options.workers` processes on one port, replaces those that die, passes signals on; at SIGUSR2 it replaces one
 * after the other, each when the one before it serves. Resolves with the status.
 */
export async function supervise(options: ServeOptions): Promise<number> {
  const children = new Map<number, Bun.Subprocess>();
  const awaited = new Map<number, () => void>();
  let stopping = false;
  let status = 0;
  let shortLives = 0;
  // What the processes of an earlier start had counted is in the ledger.
  forgetCounters(countersFile(resolve(options.dataDir)));

  const run = async (index: number): Promise<void> => {
    while (!stopping) {
      const startedAt = performance.now();
      const child = Bun.spawn([process.execPath, ...ownArguments()], {
        stdio: ["ignore", "inherit", "inherit"],
        ipc: (message) => {
          if (message === LISTENING) awaited.get(index)?.();
        },
        env: {
          ...PURGE_DELAY,
          ...process.env,
          [UPSTREAM_LIMIT_VARIABLE]: process.env[UPSTREAM_LIMIT_VARIABLE] ?? UPSTREAM_LIMIT,
          [WORKER_VARIABLE]: String(index),
          ISTHMUS_LAUNCHER_PID: String(process.pid),
        },
      });
      children.set(index, child);
      const code = await child.exited;
      children.delete(index);
      if (stopping) return;
      if (awaited.has(index) && code === 0) continue;
      shortLives = performance.now() - startedAt < SHORT_LIFE_MS ? shortLives + 1 : 0;
      if (options.workers === 1 || shortLives >= MOST_SHORT_LIVES) {
        status = code;
        stop("SIGTERM");
        return;
      }
      console.error(`isthmus: worker ${index} ended with status ${code}; starting another`);
    }
  };
  const stop = (signal: NodeJS.Signals): void => {
    stopping = true;
    for (const child of children.values()) {
      child.send(ENDING);
      child.kill(signal);
    }
  };
  const replaceAll = async (): Promise<void> => {
    for (const [index, child] of [...children]) {
      if (stopping) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      awaited.set(index, resolve);
      child.kill("SIGTERM");
      await promise;
      awaited.delete(index);
    }
    console.error("isthmus: every worker was replaced");
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
  if (options.workers > 1) {
    let replaced = Promise.resolve();
    process.on("SIGUSR2", () => {
      replaced = replaced.then(replaceAll);
    });
  }
  process.on("SIGHUP", () => {
    for (const child of children.values()) child.kill("SIGHUP");
  });
  await Promise.all(Array.from({ length: options.workers }, (_, index) => run(index)));
  return status;
}

/** The arguments that start this program again: the script's path, unless it is a compiled executable. */
function ownArguments(): string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? process.argv.slice(2) : [Bun.main, ...process.argv.slice(2)];
}
