/** One request that waits. */
interface Waiting {
  readonly priority: number;
  readonly wake: () => void;
}

/** Requests beyond this are refused instead of waiting. */
const LONGEST_QUEUE = 10_000;

/** Requests that wait until a deployment of their group has a slot: by priority, lower first, then in their order. */
export class SlotQueue {
  readonly #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  get full(): boolean {
    return this.#waiting.length >= LONGEST_QUEUE;
  }

  /** `wake` is called once, when a slot may be free. The returned function takes the request out of the queue. */
  wait(priority: number, wake: () => void): () => void {
    const entry: Waiting = { priority, wake };
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1] as Waiting).priority > priority) at--;
    this.#waiting.splice(at, 0, entry);
    return () => {
      const index = this.#waiting.indexOf(entry);
      if (index !== -1) this.#waiting.splice(index, 1);
    };
  }

  /** A slot was freed: the first one may try. */
  freed(): void {
    this.#waiting.shift()?.wake();
  }
}
