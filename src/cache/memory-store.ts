import { type CacheStore, LONGEST_VALUE } from "./cache-store.ts";

interface Entry {
  readonly value: string;
  /** Monotonic milliseconds. */
  readonly until: number;
  readonly bytes: number;
}

/** What an entry takes beside its text. */
const ENTRY_BYTES = 200;

/** Keeps values in this process, up to so many bytes; those that were used last stay longest. */
export class MemoryStore implements CacheStore {
  readonly type = "local";
  readonly #limit: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(limitBytes: number, now: () => number = () => performance.now()) {
    this.#limit = limitBytes;
    this.#now = now;
  }

  /** Bytes that are kept, at two for each UTF-16 unit. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): string | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.until <= this.#now()) {
      this.#bytes -= entry.bytes;
      return undefined;
    }
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: string, seconds: number): void {
    if (value.length > LONGEST_VALUE) return;
    this.delete([key]);
    const bytes = 2 * (key.length + value.length) + ENTRY_BYTES;
    if (bytes > this.#limit) return;
    this.#entries.set(key, { value, until: this.#now() + seconds * 1000, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#limit) break;
      this.#entries.delete(oldest);
      this.#bytes -= entry.bytes;
    }
  }

  delete(keys: readonly string[]): number {
    let count = 0;
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      this.#entries.delete(key);
      this.#bytes -= entry.bytes;
      count++;
    }
    return count;
  }

  flush(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  ping(): void {}

  close(): void {
    this.flush();
  }
}
