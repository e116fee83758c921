/** What the journal and the database keep of a request. Times are milliseconds since the epoch; money is nano-dollars. */
import type { Buckets, Usage } from "../usage/usage.ts";

/** One call to a provider on behalf of a request. */
export interface AttemptRecord {
  readonly deploymentId: string;
  readonly provider: string;
  readonly model: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly status: "success" | "failure" | "cancelled";
  readonly httpStatus?: number | undefined;
  readonly errorCode?: string | undefined;
  /** Decimal text of an integer: nano-dollars. Absent when the provider cannot have billed. */
  readonly cost?: string | undefined;
  readonly estimated?: boolean | undefined;
  /** What it consumed, where the row's sums do not tell: several attempts were billed, or the answer said more than counts. */
  readonly usage?: AttemptUsage | undefined;
}

export type AttemptUsage = Pick<Usage, "buckets" | "serviceTier" | "searchContextSize" | "reportedCost">;

/** The part of a usage that decides on its price. */
export function attemptUsage({ buckets, serviceTier, searchContextSize, reportedCost }: Usage): AttemptUsage {
  return {
    buckets,
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(searchContextSize === undefined ? {} : { searchContextSize }),
    ...(reportedCost === undefined ? {} : { reportedCost }),
  };
}

/** Written before the call goes out, so that a call in flight when the process dies is never forgotten. */
export interface LeaseRecord {
  /** The gateway's id of the request. */
  readonly id: string;
  /** The caller's own name for the request (`x-litellm-call-id`), when it gave one. */
  readonly callId?: string | undefined;
  readonly startedAt: number;
  /** Upper bound of the call's price, decimal text of an integer. */
  readonly amount: string;
  readonly callType: string;
  readonly modelGroup: string;
  readonly keyHash: string;
  readonly keyAlias?: string | undefined;
  readonly userId?: string | undefined;
  readonly teamId?: string | undefined;
  readonly organizationId?: string | undefined;
  readonly endUser?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** What the first call goes to, so that the row of an interrupted request says who may send a bill for it. */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly deploymentId?: string | undefined;
  readonly apiBase?: string | undefined;
  readonly stream?: boolean | undefined;
  readonly sessionId?: string | undefined;
  readonly requesterIp?: string | undefined;
}

export type SpendStatus = "success" | "failure" | "cancelled" | "interrupted";

/** One request, settled. Written exactly once; replaces an `interrupted` row of the same id. */
export interface SpendRecord extends Omit<LeaseRecord, "amount"> {
  readonly status: SpendStatus;
  readonly endedAt: number;
  /** When the first content reached the client, for streams. */
  readonly firstContentAt?: number | undefined;
  /** Sum over the attempts, decimal text of an integer: nano-dollars. */
  readonly cost: string;
  /** `unknown`: the model has no price, so the cost of 0 says nothing. */
  readonly price: "known" | "free" | "unknown";
  readonly estimated?: boolean | undefined;
  readonly model: string;
  readonly provider: string;
  readonly deploymentId: string;
  readonly apiBase: string;
  readonly buckets: Buckets;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly cacheHit?: boolean | undefined;
  readonly stream: boolean;
  readonly httpStatus: number;
  readonly errorCode?: string | undefined;
  readonly errorMessage?: string | undefined;
  readonly attempts: readonly AttemptRecord[];
  readonly sessionId?: string | undefined;
  readonly requesterIp?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}
