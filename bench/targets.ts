import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

export type TargetKind = "nginx" | "floor" | "isthmus" | "executable";

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
  return start(name, MEASURED_CORE, port, commandOf(kind, name, folder, port, upstream));
}

function commandOf(kind: TargetKind, name: string, folder: string, port: number, upstream: string): string[] {
  switch (kind) {
    case "nginx":
      return nginxProxy(folder, port, new URL(upstream));
    case "floor":
      return [process.execPath, join(import.meta.dir, "floor.ts"), `${port}`, upstream];
    case "isthmus":
    case "executable": {
      const program = kind === "isthmus" ? "bin/isthmus" : "dist/isthmus";
      const home = join(folder, name);
      mkdirSync(home, { recursive: true });
      const config = join(home, "config.yaml");
      writeFileSync(config, JSON.stringify(isthmusConfig(upstream)));
      const serve = ["serve", "--host", "127.0.0.1", "--port", `${port}`, "--config", config, "--data-dir", home];
      return [join(import.meta.dir, "..", program), ...serve];
    }
  }
}

function isthmusConfig(upstream: string): unknown {
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
    general_settings: { master_key: KEY },
  };
}

async function start(name: string, core: number, port: number, command: readonly string[]): Promise<Target> {
  const url = `http://127.0.0.1:${port}`;
  const child = await startProcess(pinned(core, command), () => answers(url), { pollMs: 2 });
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
