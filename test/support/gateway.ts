import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { requireNoSecrets, secretsGiven } from "./no-secrets.ts";

/** A gateway process of its own, as a user would start it. */
export interface RunningGateway {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly process: Bun.Subprocess;
  /** Everything that it has written so far. */
  output(): string;
  /** Ends it with SIGTERM (or the signal) and resolves with its exit status. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface GatewayOptions {
  /** YAML or JSON text of the configuration; none for the embedded default. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Default: a new folder that is removed at the end. */
  readonly dataDir?: string;
  readonly port?: number;
  readonly key?: string;
}

export const ROOT = resolve(import.meta.dir, "../..");
const READY_MS = 15_000;

/** Starts a gateway on a free port of the loopback interface and waits until it is ready. */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const folder = mkdtempSync(join(tmpdir(), "isthmus-test-"));
  const dataDir = options.dataDir ?? join(folder, "data");
  const port = options.port ?? freePort();
  const key = options.key ?? "sk-test-0123456789abcdef";
  // With all that it can say, so that whatever it says can be searched for secrets.
  const talkative = options.args?.some((arg) => arg.endsWith("debug")) === true ? [] : ["--detailed_debug"];
  const place = ["--host", "127.0.0.1", "--port", String(port), "--data-dir", dataDir];
  const args = ["serve", ...place, ...talkative, ...(options.args ?? [])];
  if (options.config !== undefined) {
    const file = join(folder, "config.yaml");
    writeFileSync(file, options.config);
    args.push("--config", file);
  }
  const child = Bun.spawn([process.execPath, join(ROOT, "src/cli/main.ts"), ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      BUN_CONFIG_MAX_HTTP_REQUESTS: "65535",
      LITELLM_MASTER_KEY: key,
      ISTHMUS_DRAIN_WAIT_SECONDS: "0",
      ...options.env,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  let written = "";
  for (const stream of [child.stdout, child.stderr]) {
    void (async () => {
      for await (const chunk of stream) written += new TextDecoder().decode(chunk);
    })();
  }
  const url = `http://127.0.0.1:${port}`;
  const started = performance.now();
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with status ${child.exitCode}:\n${written}`);
    if (performance.now() - started > READY_MS) {
      child.kill("SIGKILL");
      throw new Error(`the gateway was not ready in time:\n${written}`);
    }
    try {
      const response = await fetch(`${url}/health/readiness`);
      await response.text();
      if (response.status === 200) break;
    } catch {
      // Not listening yet.
    }
    await Bun.sleep(10);
  }
  return {
    url,
    key,
    pid: child.pid,
    dataDir,
    process: child,
    output: () => written,
    async stop(signal = "SIGTERM") {
      if (child.exitCode === null) child.kill(signal);
      const status = await child.exited;
      rmSync(folder, { recursive: true, force: true });
      // Whatever a test was about, nothing secret may have been written.
      requireNoSecrets(written, secretsGiven({ key, env: options.env ?? {}, config: options.config }));
      return status;
    },
  };
}

/** A port that nobody listens on now. */
export function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}

/** A chat request to the gateway. */
export function chat(
  gateway: RunningGateway,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${gateway.key}`, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
