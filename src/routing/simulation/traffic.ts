/** One request of the past, to be made again. */
export interface TrafficRequest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly model: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly stream: boolean;
  /** Name or hash of the key. */
  readonly key: string;
  readonly team: string | undefined;
  readonly tags: readonly string[];
  readonly session: string | undefined;
}
