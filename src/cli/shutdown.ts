import type { Log } from "../events/log.ts";

export interface DrainOptions {
  readonly log: Log;
  /** Longest time for answers in flight. */
  readonly drainSeconds: number;
  /** Time between saying `Connection: close` and closing the socket, for balancers to notice. */
  readonly waitSeconds: number;
  readonly begin: () => void;
  /** Has new connections go to other processes, where there are any on this port. */
  readonly leave: () => Promise<unknown>;
  /** Stops accepting; resolves when nothing is in flight. With `true` it cuts what is. */
  readonly stop: (now: boolean) => Promise<void>;
  /** Settles, flushes and closes what is below. */
  readonly close: () => Promise<void>;
}

/** SIGTERM and SIGINT: announce, wait, stop accepting, finish streams to a deadline, settle, flush, close. */
export function drainOnSignals(options: DrainOptions): void {
  let begun = false;
  const drain = async (signal: string): Promise<void> => {
    if (begun) return;
    begun = true;
    options.log.info(`${signal}: finishing what is in flight`);
    options.begin();
    if (signal === "SIGTERM") {
      await options.leave();
      await sleep(options.waitSeconds);
    }
    const finished = options.stop(false).then(() => true);
    if (!(await Promise.race([finished, sleep(options.drainSeconds).then(() => false)]))) {
      options.log.warning(`answers were still running after ${options.drainSeconds} s and are cut off`);
      await Promise.race([options.stop(true), sleep(1)]);
      // What was cut off settles in the turns that follow the cut.
      await sleep(0.05);
    }
    await options.close();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      drain(signal).catch((error: unknown) => {
        console.error(`isthmus: shutting down failed: ${error instanceof Error ? error.message : String(error)}`);
        process.exit(1);
      });
    });
  }
}

/** Ends this process, gracefully, when the process that started it is gone: nobody would pass signals on any more. */
export function stopWithParent(parent: string | undefined): void {
  if (parent === undefined) return;
  const expected = Number(parent);
  setInterval(() => {
    if (process.ppid !== expected) process.kill(process.pid, "SIGTERM");
  }, 500).unref();
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
