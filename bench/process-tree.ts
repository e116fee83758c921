import { readFileSync } from "node:fs";

/** Ticks of /proc/<pid>/stat are hundredths of a second on every Linux that Bun runs on (USER_HZ). */
const MICROSECONDS_PER_TICK = 10_000;

/** A process and all that it has started, as far as they still live. */
function processTree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.trim().split(" ").filter(Boolean) ?? [];
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** CPU time of a process tree in microseconds, user and system. Children that ended are not counted. */
export function cpuMicroseconds(pid: number): number {
  return processTree(pid).reduce((sum, each) => {
    // The second field is the program's name in brackets and may have spaces; 14 and 15 are utime and stime.
    const fields = read(`/proc/${each}/stat`)?.replace(/.*\) /, "").split(" ");
    return fields === undefined ? sum : sum + (Number(fields[11]) + Number(fields[12])) * MICROSECONDS_PER_TICK;
  }, 0);
}

/** Resident memory of a process tree in MiB. Pages that its processes share are counted for each. */
export function residentMebibytes(pid: number): number {
  return processTree(pid).reduce((sum, each) => {
    const kibibytes = /VmRSS:\s+(\d+)/.exec(read(`/proc/${each}/status`) ?? "")?.[1];
    return sum + Number(kibibytes ?? 0) / 1024;
  }, 0);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // the process has ended meanwhile
  }
}
