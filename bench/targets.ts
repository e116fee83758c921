import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRedis } from "../scripts/services/redis.ts";
import { endProcess, freePort, startProcess } from "../scripts/services/service.ts";
import { KEY, MODEL, PATH, requestBody } from "./exchange.ts";
import { nginxProxy, nginxUpstream } from "./nginx.ts";

/** Where processes run: what is measured has a core of its own. */
export const MEASURED_CORE = 0;
export const LOAD_CORE = 1;

/** A server on the way of the requests, running. */
export interface Target {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/**
 * `isthmus` is asked with the master key. `governed` is asked with a virtual key that has a budget and limits, and
 * keeps its ledger on SQLite; `governed-redis` counts in Redis as well; `cache-hit` is `governed` with answers kept in memory.
 */
export type TargetKind = "nginx" | "floor" | "isthmus" | "executable" | "governed" | "governed-redis" | "cache-hit";

const canPin = Bun.which("taskset") !== null && navigator.hardwareConcurrency > 1;

/** Prefixes a command so that it stays on one core, where the system can do that. */
export function pinned(core: number, command: readonly string[]): string[] {
  return canPin ? ["taskset", "-c", `${core}`, ...command] : [...command];
}

/** Keeps this process off the core of what is measured. */
export function pinSelf(): void {
  if (canPin) Bun.spawnSync(["taskset", "-a", "-c", "-p", `${LOAD_CORE}`, `${process.pid}`]);
}

/** The provider's part for whole answers: nginx where it is installed, so that it never is what limits the rate. */
export async function startAnswers(folder: string): Promise<Target> {
  if (Bun.which("nginx") === null) return startStreams();
  const port = await freePort();
  return start("upstream", LOAD_CORE, port, nginxUpstream(folder, port));
}

/** The provider's part for streams. */
export async function startStreams(): Promise<Target> {
  const port = await freePort();
  return start("upstream", LOAD_CORE, port, [process.execPath, join(import.meta.dir, "upstream.ts"), `${port}`]);
}

/** Starts what is to be measured, in front of `upstream` (a base URL that ends in /v1). */
export async function startTarget(kind: TargetKind, name: string, folder: string, upstream: string): Promise<Target> {
  const port = await freePort();
  const command = commandOf(kind, name, folder, port, upstream);
  if (kind !== "governed-redis") return start(name, MEASURED_CORE, port, command);
  const redis = await startRedis();
  const target = await start(name, MEASURED_CORE, port, command, { REDIS_URL: redis.env.TEST_REDIS_URL ?? "" });
  return {
    ...target,
    async stop() {
      await target.stop();
      await redis.stop();
    },
  };
}

function commandOf(kind: TargetKind, name: string, folder: string, port: number, upstream: string): string[] {
  switch (kind) {
    case "nginx":
      return nginxProxy(folder, port, new URL(upstream));
    case "floor":
      return [process.execPath, join(import.meta.dir, "floor.ts"), `${port}`, upstream];
    case "isthmus":
    case "executable":
    case "governed":
    case "governed-redis":
    case "cache-hit": {
      const program = kind === "executable" ? "dist/isthmus" : "bin/isthmus";
      const home = join(folder, name);
      mkdirSync(home, { recursive: true });
      const config = join(home, "config.yaml");
      writeFileSync(config, JSON.stringify(isthmusConfig(kind, upstream)));
      const serve = ["serve", "--host", "127.0.0.1", "--port", `${port}`, "--config", config, "--data-dir", home];
      return [join(import.meta.dir, "..", program), ...serve];
    }
  }
}

/** Never reached, always counted. */
const LIMITS = { max_budget: 1_000_000, rpm_limit: 1_000_000_000, tpm_limit: 1_000_000_000_000 };

function isthmusConfig(kind: TargetKind, upstream: string): unknown {
  const governed = kind !== "isthmus" && kind !== "executable";
  return {
    model_list: [
      {
        model_name: MODEL,
        litellm_params: {
          model: `openai/${MODEL}`,
          api_base: upstream,
          api_key: "upstream",
          input_cost_per_token: 1.5e-7,
          output_cost_per_token: 6e-7,
        },
      },
    ],
    general_settings: { master_key: governed ? "sk-bench-master-0123456789" : KEY },
    ...(governed ? { virtual_keys: [{ key: KEY, key_alias: "bench", ...LIMITS }] } : {}),
    ...(kind === "cache-hit" ? { litellm_settings: { cache: true, cache_params: { type: "local" } } } : {}),
  };
}

async function start(
  name: string,
  core: number,
  port: number,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Target> {
  const url = `http://127.0.0.1:${port}`;
  const child = await startProcess(pinned(core, command), () => answers(url), {
    pollMs: 2,
    env: { ...(process.env as Record<string, string>), ...env },
  });
  return { name, url, pid: child.pid, stop: () => endProcess(child) };
}

/** Whether a whole chat request is answered. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url + PATH, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${KEY}` },
      body: requestBody(false),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false; // it does not listen yet
  }
}
