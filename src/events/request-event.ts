/** What happens to model requests. Times are milliseconds since the epoch, durations are seconds, money is nano-dollars. */
interface OfRequest {
  /** The gateway's id of the call. */
  readonly id: string;
  readonly at: number;
  /** The name that the client asked for. */
  readonly model: string;
}

interface OfDeployment {
  readonly deploymentId: string;
  readonly provider: string;
  /** The group that was being asked; another than `model` after a fallback. */
  readonly group: string;
}

export interface RequestStarted extends OfRequest {
  readonly type: "started";
  readonly callType: string;
  readonly stream: boolean;
  readonly keyHash: string;
  readonly teamId?: string | undefined;
}

export interface AttemptFailed extends OfRequest, OfDeployment {
  readonly type: "attempt-failed";
  readonly errorCode: string;
  readonly httpStatus?: number | undefined;
  readonly seconds: number;
}

export interface DeploymentCooledDown {
  readonly type: "cooled-down";
  readonly at: number;
  readonly until: number;
  readonly deploymentId: string;
  readonly provider: string;
  readonly group: string;
  readonly errorCode: string;
}

export interface FellBack extends OfRequest {
  readonly type: "fell-back";
  readonly from: string;
  readonly to: string;
  readonly errorCode: string;
}

/** The answer is at hand: whole, or with its first content. */
export interface RequestSucceeded extends OfRequest, OfDeployment {
  readonly type: "succeeded";
  readonly seconds: number;
  readonly retries: number;
  readonly fallbacks: number;
}

/** The client gets an error, or is gone. */
export interface RequestFailed extends OfRequest {
  readonly type: "failed";
  readonly errorCode: string;
  readonly httpStatus: number;
}

/** The row of the request is written. */
export interface RequestSettled extends OfRequest {
  readonly type: "settled";
  readonly status: string;
  readonly httpStatus: number;
  readonly cost: string;
  readonly price: string;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly seconds: number;
  readonly deploymentId: string;
  readonly provider: string;
  readonly keyHash: string;
  readonly teamId?: string | undefined;
}

export type RequestEvent =
  | RequestStarted
  | AttemptFailed
  | DeploymentCooledDown
  | FellBack
  | RequestSucceeded
  | RequestFailed
  | RequestSettled;

export type RequestEventType = RequestEvent["type"];
