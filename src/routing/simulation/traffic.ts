/** One request of the past, to be made again. */
export interface TrafficRequest {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly model: string;
  /** The group that an auto router of this name chose then: what was asked is not known any more. */
  readonly routedTo?: string | undefined;
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
