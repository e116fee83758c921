import type { JsonObject } from "../json/json.ts";

/** What the routing rules look at in a request. */
export interface RouteRequest {
  /** The name that the client asked for. */
  readonly model: string;
  readonly stream: boolean;
  readonly teamId?: string | undefined;
  readonly keyHash?: string | undefined;
  /** Of the request, its key and its team. */
  readonly tags: readonly string[];
  /** Those among them that the key and the team give to all of their requests. */
  readonly policyTags?: readonly string[] | undefined;
  /** A request header; for `tag_regex` and `provider_affinity_header`. */
  readonly header: (name: string) => string | null;
  /** Tokens of the prompt, as an estimate; `exactTokens` where they were counted. */
  readonly promptTokens: number;
  /** No prompt has more tokens than bytes. */
  readonly promptBytes: number;
  readonly exactTokens?: number | undefined;
  readonly hasMessages: boolean;
  readonly hasResponseFormat: boolean;
  readonly dropParams?: boolean | undefined;
  /** `allowed_model_region` of the caller. */
  readonly allowedRegion?: string | undefined;
  /** The same as a rule that no setting lifts. */
  readonly requiredRegion?: string | undefined;
  readonly sessionId?: string | undefined;
  /** The deployment that wrote the answer which this request goes on from; any other can go on as well. */
  readonly previousDeployment?: string | undefined;
  /** The deployment that alone can serve it: it holds what the request refers to. */
  readonly pinnedDeployment?: string | undefined;
  /** Lower goes first where requests wait for a slot. */
  readonly priority: number;
  /** Body of the request, read only by rules that need it. */
  readonly body: JsonObject;
}
