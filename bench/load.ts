import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KEY, PATH, requestBody } from "./exchange.ts";
import { cpuMicroseconds, residentMebibytes } from "./process-tree.ts";
import { LOAD_CORE, pinned, type Target } from "./targets.ts";

/** One round of whole answers against one target. */
export interface CallRound {
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly failures: number;
}

/** One round of streams against one target. */
export interface StreamRound {
  readonly frames: number;
  readonly cpuMicrosecondsPerFrame: number;
  readonly peakMebibytes: number;
  readonly firstByteP50Milliseconds: number;
  readonly failures: number;
}

const here = import.meta.dir;

export const loadGenerator = Bun.which("wrk") === null ? "bench/call-load.ts" : "wrk";

export async function loadCalls(
  target: Target,
  connections: number,
  seconds: number,
  folder: string,
): Promise<CallRound> {
  const bodyFile = join(folder, "request.json");
  writeFileSync(bodyFile, requestBody(false));
  const url = target.url + PATH;
  const command =
    loadGenerator === "wrk"
      ? ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "-s", join(here, "wrk-chat.lua"), url]
      : [process.execPath, join(here, "call-load.ts"), url, `${connections}`, `${seconds}`];
  const before = cpuMicroseconds(target.pid);
  const result = await run(command, { BODY_FILE: bodyFile, KEY });
  const cpu = cpuMicroseconds(target.pid) - before;
  const requests = result.requests ?? 0;
  return {
    requestsPerSecond: requests / (result.seconds ?? Number.NaN),
    cpuMicrosecondsPerRequest: cpu / requests,
    p50Microseconds: result.p50 ?? Number.NaN,
    p99Microseconds: result.p99 ?? Number.NaN,
    failures: result.failures ?? 0,
  };
}

export async function loadStreams(target: Target, streams: number): Promise<StreamRound> {
  let peak = 0;
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentMebibytes(target.pid));
  }, 200);
  const before = cpuMicroseconds(target.pid);
  try {
    const command = [process.execPath, join(here, "stream-load.ts"), target.url + PATH, `${streams}`];
    const result = await run(command, {});
    const frames = result.frames ?? 0;
    return {
      frames,
      cpuMicrosecondsPerFrame: (cpuMicroseconds(target.pid) - before) / frames,
      peakMebibytes: peak,
      firstByteP50Milliseconds: result.p50 ?? Number.NaN,
      failures: result.failures ?? 0,
    };
  } finally {
    clearInterval(sampling);
  }
}

/** Runs a load generator and reads the line that it prints. */
async function run(command: readonly string[], env: Record<string, string>): Promise<Record<string, number>> {
  const child = Bun.spawn(pinned(LOAD_CORE, command), {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(child.stdout).text();
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`${command[0]} printed no result:\n${output}`);
  return JSON.parse(line) as Record<string, number>;
}
