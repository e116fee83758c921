import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Something that tests use and that was made ready for them. */
export interface Service {
  /** What the tests read. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends what was started and removes its files. */
  stop(): Promise<void>;
}

/** The reason why a service cannot be had here; the message says what to do about it. */
export class ServiceUnavailable extends Error {
  override readonly name = "ServiceUnavailable";
}

/** A TCP port of the loopback interface that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** A new folder under the system's folder for such things. */
export function temporaryFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `isthmus-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Ends a server whose starter is gone without having ended it, and removes its folder. */
const GUARD = `
  read -r word
  [ "$word" = ended ] && exit 0
  kill -CONT "$0"; kill -INT "$0"
  for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$0" || break; sleep 0.3; done
  kill -KILL "$0"
  case "$1" in */isthmus-*) rm -rf "$1" ;; esac
`;

/**
 * Lets a server live no longer than this process, however this one ends: the guard's input closes with it. A test run
 * has no moment of its own at the end at which it could still stop something.
 */
function guard(child: Bun.Subprocess, folder: string): void {
  const watcher = Bun.spawn(["sh", "-c", GUARD, String(child.pid), folder], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  watcher.unref();
  void child.exited.then(() => {
    watcher.stdin.write("ended\n");
    void watcher.stdin.end();
  });
}

/** Runs a server process until `isReady` says so; ends it by its id when it never gets there. */
export async function startProcess(
  command: readonly string[],
  isReady: () => Promise<boolean>,
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly seconds?: number;
    readonly pollMs?: number;
  } = {},
): Promise<Bun.Subprocess<"ignore", "pipe", "pipe">> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  guard(child, options.cwd ?? "");
  let written = "";
  for (const stream of [child.stdout, child.stderr])
    void (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of stream) written = (written + decoder.decode(chunk, { stream: true })).slice(-4000);
    })();
  const deadline = performance.now() + (options.seconds ?? 20) * 1000;
  while (performance.now() < deadline && child.exitCode === null) {
    if (await isReady()) return child;
    await Bun.sleep(options.pollMs ?? 50);
  }
  child.kill("SIGKILL");
  await child.exited;
  throw new ServiceUnavailable(`${command[0]} did not start:\n${written.trimEnd()}`);
}

/** Ends a process by its id and waits for it; harsher when it does not listen. */
export async function endProcess(child: Bun.Subprocess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  child.kill(signal);
  const ended = await Promise.race([child.exited.then(() => true), Bun.sleep(5000).then(() => false)]);
  if (ended) return;
  child.kill("SIGKILL");
  await child.exited;
}
