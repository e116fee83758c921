/** What a subscriber did and missed. */
export interface SubscriberCounts {
  readonly name: string;
  readonly delivered: number;
  readonly waiting: number;
  /** Events that came when the queue was full, by their type. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Batches whose handler threw or rejected. */
  readonly failedBatches: number;
}

export interface Subscription {
  readonly counts: SubscriberCounts;
  unsubscribe(): void;
}

export interface SubscribeOptions<E> {
  readonly name: string;
  /** Gets events in their order, some at a time. While its promise is open, further ones wait. */
  readonly handle: (events: readonly E[]) => void | Promise<void>;
  /** Events that may wait; default 8,192. */
  readonly capacity?: number;
  /** Types that it wants; default all. */
  readonly types?: readonly string[];
}

/** What the bus tells of its subscribers. */
export interface BusListeners {
  /** A handler threw or rejected. */
  readonly onError?: (name: string, error: unknown) => void;
  /** A subscriber is too slow: told at the first event that it loses, and then once a minute while it loses more. */
  readonly onDropped?: (name: string, dropped: number) => void;
}

const CAPACITY = 8192;
const LARGEST_BATCH = 512;
const TOLD_AGAIN_MS = 60_000;

/**
 * Typed events from many to many, which never hold up whoever tells them: `emit` puts an event into the queue of each
 * subscriber and returns. A subscriber that is too slow loses events, and they are counted; others lose nothing.
 */
export class EventBus<E extends { readonly type: string }> {
  readonly #subscribers = new Set<Subscriber<E>>();
  readonly #listeners: BusListeners;

  constructor(listeners: BusListeners = {}) {
    this.#listeners = listeners;
  }

  /** Whether anybody listens: an event that nobody hears need not be made. */
  get heard(): boolean {
    return this.#subscribers.size > 0;
  }

  emit(event: E): void {
    for (const subscriber of this.#subscribers) subscriber.add(event);
  }

  subscribe(options: SubscribeOptions<E>): Subscription {
    const subscriber = new Subscriber(options, this.#listeners);
    this.#subscribers.add(subscriber);
    return {
      get counts() {
        return subscriber.counts();
      },
      unsubscribe: () => void this.#subscribers.delete(subscriber),
    };
  }

  counts(): readonly SubscriberCounts[] {
    return [...this.#subscribers].map((subscriber) => subscriber.counts());
  }

  /** Resolves when every event told so far was handled or dropped. */
  async drained(): Promise<void> {
    await Promise.all([...this.#subscribers].map((subscriber) => subscriber.drained()));
  }
}

class Subscriber<E extends { readonly type: string }> {
  readonly #options: SubscribeOptions<E>;
  readonly #listeners: BusListeners;
  readonly #capacity: number;
  readonly #types: ReadonlySet<string> | undefined;
  readonly #dropped: Record<string, number> = {};
  #queue: E[] = [];
  #delivered = 0;
  #droppedInAll = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #failedBatches = 0;
  #running: Promise<void> | undefined;

  constructor(options: SubscribeOptions<E>, listeners: BusListeners) {
    this.#options = options;
    this.#listeners = listeners;
    this.#capacity = options.capacity ?? CAPACITY;
    this.#types = options.types === undefined ? undefined : new Set(options.types);
  }

  add(event: E): void {
    if (this.#types !== undefined && !this.#types.has(event.type)) return;
    if (this.#queue.length >= this.#capacity) {
      this.#drop(event.type);
      return;
    }
    this.#queue.push(event);
    this.#running ??= this.#run();
  }

  counts(): SubscriberCounts {
    return {
      name: this.#options.name,
      delivered: this.#delivered,
      waiting: this.#queue.length,
      dropped: { ...this.#dropped },
      failedBatches: this.#failedBatches,
    };
  }

  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #drop(type: string): void {
    this.#dropped[type] = (this.#dropped[type] ?? 0) + 1;
    this.#droppedInAll++;
    const now = performance.now();
    if (now - this.#toldAt < TOLD_AGAIN_MS) return;
    this.#toldAt = now;
    this.#listeners.onDropped?.(this.#options.name, this.#droppedInAll);
  }

  async #run(): Promise<void> {
    // A turn of the event loop later, so that a burst becomes one batch and the request that told it goes on first.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    while (this.#queue.length > 0) {
      const batch = this.#queue.length <= LARGEST_BATCH ? this.#queue : this.#queue.slice(0, LARGEST_BATCH);
      this.#queue = batch === this.#queue ? [] : this.#queue.slice(LARGEST_BATCH);
      try {
        await this.#options.handle(batch);
        this.#delivered += batch.length;
      } catch (error) {
        this.#failedBatches++;
        this.#listeners.onError?.(this.#options.name, error);
      }
    }
    this.#running = undefined;
  }
}
