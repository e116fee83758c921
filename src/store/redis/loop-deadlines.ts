const TICK_MS = 50;
/** A round of the event loop counts as at most this much time, however long it took. */
const MOST_PER_ROUND_MS = 75;

/** Ends the wait for an answer. */
export type Cancel = () => void;

interface Wait {
  readonly until: number;
  expired: (() => void) | undefined;
}

/**
 * Time limits for answers on a socket that this process reads itself. Time is what passes while the loop goes round: a
 * process that was too busy to read for a second has waited for one round, not for a second. A limit ends only after the
 * loop has looked at its sockets once more. One timer for all, and none while nothing is waited for.
 */
export class LoopDeadlines {
  /** By seconds, each in the order of its limits. */
  readonly #queues = new Map<number, Wait[]>();
  readonly #monotonic: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Milliseconds of loop time so far. */
  #now = 0;
  #looked = 0;

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
  }

  add(seconds: number, expired: () => void): Cancel {
    if (this.#timer === undefined) {
      this.#looked = this.#monotonic();
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
      this.#timer.unref();
    }
    const wait: Wait = { until: this.#now + seconds * 1000, expired };
    const queue = this.#queues.get(seconds);
    if (queue === undefined) this.#queues.set(seconds, [wait]);
    else queue.push(wait);
    return () => {
      wait.expired = undefined;
    };
  }

  #tick(): void {
    const at = this.#monotonic();
    this.#now += Math.min(at - this.#looked, MOST_PER_ROUND_MS);
    this.#looked = at;
    // What has arrived while this round was busy is read before anything is given up.
    setImmediate(() => this.#expire());
  }

  #expire(): void {
    for (const [seconds, queue] of this.#queues) {
      let over = 0;
      for (; over < queue.length; over++) {
        const wait = queue[over] as Wait;
        if (wait.expired !== undefined && wait.until > this.#now) break;
        wait.expired?.();
      }
      if (over === queue.length) this.#queues.delete(seconds);
      else if (over > 0) queue.splice(0, over);
    }
    if (this.#queues.size === 0 && this.#timer !== undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }
}
