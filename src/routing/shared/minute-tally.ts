/** What one deployment did in one minute. */
export interface MinuteUse {
  readonly requests: number;
  /** Of finished calls, cached ones included. */
  readonly tokens: number;
  /** Without what came out of a provider's cache, with what calls under way hold. */
  readonly input: number;
  readonly output: number;
}

/** A process's word about its own use; the word with the higher number is the later one. */
export interface ToldUse extends MinuteUse {
  readonly number: number;
}

export function sameUse(one: MinuteUse, other: MinuteUse): boolean {
  return MEMBERS.every((name) => one[name] === other[name]);
}

export const NO_USE: MinuteUse = { requests: 0, tokens: 0, input: 0, output: 0 };

const MEMBERS = ["requests", "tokens", "input", "output"] as const;

/** Each figure by itself. */
function each(figure: (name: (typeof MEMBERS)[number]) => number): MinuteUse {
  return { requests: figure("requests"), tokens: figure("tokens"), input: figure("input"), output: figure("output") };
}

/** Processes whose word is kept; that of further ones is not heard. */
export const MOST_PROCESSES = 1000;

/**
 * What other processes told of one minute. Each tells totals, not differences, so that what is heard twice, late or not at
 * all does no lasting harm: words in any order lead to the same sums.
 */
export class MinuteTally {
  #minute = -1;
  /** Process → deployment → its last word. */
  #told = new Map<string, Map<string, ToldUse>>();
  #sums = new Map<string, MinuteUse>();

  /** Minutes since the epoch; a word of an earlier minute than the latest heard is ignored. */
  hear(minute: number, process: string, deployment: string, word: ToldUse): void {
    if (minute < this.#minute) return;
    if (minute > this.#minute) {
      this.#minute = minute;
      this.#told = new Map();
      this.#sums = new Map();
    }
    let own = this.#told.get(process);
    if (own === undefined) {
      if (this.#told.size >= MOST_PROCESSES) return;
      own = new Map();
      this.#told.set(process, own);
    }
    const before = own.get(deployment);
    if (before !== undefined && before.number >= word.number) return;
    own.set(deployment, word);
    const sum = this.#sums.get(deployment) ?? NO_USE;
    this.#sums.set(
      deployment,
      each((name) => sum[name] + word[name] - (before?.[name] ?? 0)),
    );
  }

  /** What all others together did in a minute. */
  of(minute: number, deployment: string): MinuteUse {
    return minute === this.#minute ? (this.#sums.get(deployment) ?? NO_USE) : NO_USE;
  }
}

/**
 * What others are taken to do while nobody can hear them: as much as this process itself, each of them, and no less than
 * they had told. So each keeps to its share of a deployment's limits.
 */
export function assumedUse(own: MinuteUse, told: MinuteUse, processes: number): MinuteUse {
  const others = Math.max(0, processes - 1);
  return each((name) => Math.max(told[name], own[name] * others));
}
