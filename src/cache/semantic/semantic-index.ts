/** What a request means, for answers to questions that say the same in other words. */
export interface Meaning {
  /** A hash of everything that must be equal: model, parameters, the conversation before the question, whose it is. */
  readonly scope: string;
  /** The question as a vector of length 1; undefined where it cannot be had. Made with the first call. */
  vector(): Promise<Float32Array | undefined>;
}

export interface Similar {
  /** The key of the answer in the store of answers. */
  readonly key: string;
  /** The answer itself, where the index keeps it. */
  readonly value?: string;
  /** The cosine of the angle between the questions: 1 is the same direction. */
  readonly similarity: number;
}

/** Finds the nearest of the questions that were answered. */
export interface SemanticIndex {
  find(scope: string, vector: Float32Array): Promise<Similar | undefined> | Similar | undefined;
  add(scope: string, key: string, vector: Float32Array, value: string, seconds: number): Promise<void> | void;
  delete(keys: readonly string[]): Promise<void> | void;
  /** Forgets everything that this cache keeps, and nothing else. */
  flush(): Promise<void> | void;
  /** Throws when the index cannot be used. */
  ping(): Promise<void> | void;
  close(): void;
}

/** The vector at length 1, so that a product is a cosine; undefined for one without a direction. */
export function normalised(values: readonly number[]): Float32Array | undefined {
  let sum = 0;
  for (const value of values) sum += value * value;
  if (!(sum > 0) || !Number.isFinite(sum)) return undefined;
  const length = Math.sqrt(sum);
  return Float32Array.from(values, (value) => value / length);
}

/** The bytes as indexes keep them: 32-bit floats, little-endian, as every platform of ours has them. */
export function vectorBytes(vector: Float32Array): Buffer {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
}
