/** Something with a time limit. `expired` is called at most once, unless `done` was called before. */
export interface Deadline {
  /** Moves the limit to `seconds` from now; without a call the limit stays. */
  extend(seconds: number): void;
  done(): void;
}

/** What is watched. A request is one itself, so that nothing else is allocated for its limit. */
export interface Watched {
  /** The limit has passed. */
  expired(): void;
  /** Called once when it is still being watched at the next tick, up to 50 ms from its beginning. */
  lasting?(): void;
}

class Entry implements Deadline {
  at: number;
  watched: Watched | undefined;
  readonly #now: () => number;

  constructor(at: number, watched: Watched, now: () => number) {
    this.at = at;
    this.watched = watched;
    this.#now = now;
  }

  extend(seconds: number): void {
    this.at = this.#now() + seconds * 1000;
  }

  done(): void {
    this.watched = undefined;
  }
}

const TICK_MS = 50;
const SLOTS = 512;

/**
 * One timer for all time limits of a process: a request adds an entry to a slot instead of a timer of its own.
 * Limits are kept to within one tick (50 ms). Uses a monotonic clock, so that a clock that jumps changes nothing.
 */
export class DeadlineWheel {
  readonly #slots: (Entry[] | undefined)[] = new Array(SLOTS);
  readonly #now: () => number;
  #tick: number;
  #young: Entry[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;
  #size = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#tick = Math.floor(now() / TICK_MS);
  }

  /** How many limits are being watched. */
  get size(): number {
    return this.#size;
  }

  add(seconds: number, watched: Watched): Deadline {
    const entry = new Entry(this.#now() + seconds * 1000, watched, this.#now);
    if (watched.lasting !== undefined) this.#young.push(entry);
    this.#size++;
    this.#place(entry);
    if (this.#timer === undefined) {
      this.#tick = Math.floor(this.#now() / TICK_MS);
      this.#timer = setInterval(() => this.advance(), TICK_MS);
      (this.#timer as { unref?: () => void }).unref?.();
    }
    return entry;
  }

  /** Runs every limit that has passed. Called by the timer; tests with a clock of their own call it themselves. */
  advance(): void {
    const target = Math.floor(this.#now() / TICK_MS);
    const young = this.#young;
    if (young.length > 0) {
      this.#young = [];
      for (const { watched } of young) watched?.lasting?.();
    }
    // After a pause of more than a full turn every slot is due once.
    const steps = Math.min(target - this.#tick, SLOTS);
    for (let step = 1; step <= steps; step++) this.#run((this.#tick + step) % SLOTS);
    this.#tick = target;
    if (this.#size === 0 && this.#timer !== undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #place(entry: Entry): void {
    const due = Math.max(Math.ceil(entry.at / TICK_MS), this.#tick + 1);
    // What lies beyond a full turn waits in the last slot of the turn and is placed again from there.
    const slot = Math.min(due, this.#tick + SLOTS - 1) % SLOTS;
    const entries = this.#slots[slot];
    if (entries === undefined) this.#slots[slot] = [entry];
    else entries.push(entry);
  }

  #run(slot: number): void {
    const entries = this.#slots[slot];
    if (entries === undefined) return;
    this.#slots[slot] = undefined;
    const now = this.#now();
    for (const entry of entries) {
      const { watched } = entry;
      if (watched === undefined) {
        this.#size--;
      } else if (entry.at > now) {
        this.#place(entry);
      } else {
        entry.watched = undefined;
        this.#size--;
        watched.expired();
      }
    }
  }
}
