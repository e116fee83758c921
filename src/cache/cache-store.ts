/** Where answers are kept: in this process, in a file of this machine, in Redis, in a bucket. */
export interface CacheStore {
  /** As `/cache/ping` and messages call it: LiteLLM's `type`. */
  readonly type: "local" | "disk" | "redis" | "s3" | "gcs" | "azure-blob";
  get(key: string): string | undefined | Promise<string | undefined>;
  /** Keeps a value for so many seconds. */
  set(key: string, value: string, seconds: number): void | Promise<void>;
  /** How many of them there were. */
  delete(keys: readonly string[]): number | Promise<number>;
  /** Forgets everything that this cache keeps, and nothing else. */
  flush(): void | Promise<void>;
  /** Throws when the store cannot be used. */
  ping(): void | Promise<void>;
  close(): void | Promise<void>;
}

/** A value that is larger is not kept. */
export const LONGEST_VALUE = 4 * 1024 * 1024;
