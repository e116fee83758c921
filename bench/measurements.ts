import { type CallRound, loadCalls, loadStreams, type StreamRound } from "./load.ts";
import { residentMebibytes } from "./process-tree.ts";
import { answers, startAnswers, startStreams, startTarget, type Target, type TargetKind } from "./targets.ts";

/** What is compared, in the order of the tables. */
export interface Subject {
  readonly name: string;
  readonly kind: TargetKind;
}

/** How long and how often. */
export interface Effort {
  readonly rounds: number;
  readonly callSeconds: number;
  readonly streamFrames: number;
  readonly holdSeconds: number;
  readonly settleSeconds: number;
  readonly starts: number;
}

/** For each subject the rounds in their order; round n of one subject ran beside round n of the others. */
export type Rounds<T> = ReadonlyMap<string, readonly T[]>;

export interface CallRounds {
  readonly one: CallRound;
  readonly many: CallRound;
}

export interface MemoryRound {
  readonly idleMebibytes: number;
  readonly peakMebibytes: number;
  readonly afterMebibytes: number;
  readonly frames: number;
  readonly failures: number;
}

export const DIRECT = "no gateway";
export const MANY_CONNECTIONS = 32;
export const CPU_STREAMS = 200;
export const MEMORY_STREAMS = 2000;
const CPU_GAP_MS = 20;
const MEMORY_GAP_MS = 1000;

/** Whole answers, at one connection and at many. The upstream itself is measured, too: its latency is what is subtracted. */
export async function measureCalls(
  subjects: readonly Subject[],
  effort: Effort,
  folder: string,
): Promise<Rounds<CallRounds>> {
  const upstream = await startAnswers(folder);
  return withTargets(subjects, folder, `${upstream.url}/v1`, [upstream], async (targets) => {
    const all = [{ ...upstream, name: DIRECT }, ...targets];
    for (const target of all) await loadCalls(target, MANY_CONNECTIONS, 2, folder);
    return interleave(all, effort.rounds, async (target) => ({
      many: await loadCalls(target, MANY_CONNECTIONS, effort.callSeconds, folder),
      one: await loadCalls(target, 1, Math.max(1, effort.callSeconds / 2), folder),
    }));
  });
}

/** Many frames on some streams: what a frame costs. */
export async function measureStreams(
  subjects: readonly Subject[],
  effort: Effort,
  folder: string,
): Promise<Rounds<StreamRound>> {
  const upstream = await startStreams();
  const base = `${upstream.url}/frames/${effort.streamFrames}/gap/${CPU_GAP_MS}/v1`;
  return withTargets(subjects, folder, base, [upstream], async (targets) => {
    for (const target of targets) await loadStreams(target, 50);
    return interleave(targets, effort.rounds, (target) => loadStreams(target, CPU_STREAMS));
  });
}

/** Few frames on many streams: what a stream holds. Each subject in a process that has done nothing before. */
export async function measureMemory(
  subjects: readonly Subject[],
  effort: Effort,
  folder: string,
): Promise<Rounds<MemoryRound>> {
  const upstream = await startStreams();
  const base = `${upstream.url}/frames/${effort.holdSeconds}/gap/${MEMORY_GAP_MS}/v1`;
  return withTargets(subjects, folder, base, [upstream], (targets) =>
    interleave(targets, 1, async (target) => {
      const idleMebibytes = residentMebibytes(target.pid);
      const { peakMebibytes, frames, failures } = await loadStreams(target, MEMORY_STREAMS);
      await Bun.sleep(effort.settleSeconds * 1000);
      return { idleMebibytes, peakMebibytes, afterMebibytes: residentMebibytes(target.pid), frames, failures };
    }),
  );
}

/** Milliseconds from the start of the process to the end of its first chat answer. */
export async function measureStarts(
  subjects: readonly Subject[],
  effort: Effort,
  folder: string,
): Promise<Rounds<number>> {
  const upstream = await startAnswers(folder);
  const rounds = new Map<string, number[]>(subjects.map((subject) => [subject.name, []]));
  try {
    for (let round = 0; round < effort.starts; round++) {
      for (const { name, kind } of subjects) {
        const begin = performance.now();
        const target = await startTarget(kind, `${name} ${round}`, folder, `${upstream.url}/v1`);
        rounds.get(name)?.push(performance.now() - begin);
        await target.stop();
      }
    }
    return rounds;
  } finally {
    await upstream.stop();
  }
}

async function withTargets<T>(
  subjects: readonly Subject[],
  folder: string,
  upstream: string,
  running: Target[],
  measure: (targets: readonly Target[]) => Promise<T>,
): Promise<T> {
  const targets: Target[] = [];
  try {
    for (const { name, kind } of subjects) {
      const target = await startTarget(kind, name, folder, upstream);
      targets.push(target);
      running.push(target);
      if (!(await answers(target.url))) throw new Error(`${name} stopped answering`);
    }
    return await measure(targets);
  } finally {
    for (const target of running.reverse()) await target.stop();
  }
}

/** A, B, C, then B, C, A, …: what the machine does meanwhile meets all of them. */
async function interleave<T>(
  targets: readonly Target[],
  rounds: number,
  measure: (target: Target) => Promise<T>,
): Promise<Rounds<T>> {
  const results = new Map<string, T[]>(targets.map((target) => [target.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < targets.length; turn++) {
      const target = targets[(round + turn) % targets.length] as Target;
      results.get(target.name)?.push(await measure(target));
    }
  }
  return results;
}
