import type { Principal } from "../auth/principal.ts";
import type { Format } from "../formats/format.ts";
import type { JsonObject } from "../json/json.ts";
import type { Operation } from "../providers/provider.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { CacheWriter } from "./cached-answer.ts";
import type { PartialRequest } from "./cached-embeddings.ts";
import type { CallControls } from "./call-controls.ts";
import type { ResponseCall } from "./responses/response-call.ts";

/** One model request, from its first byte to its settlement. */
export interface RequestContext {
  /** The gateway's own id of the call: key of its ledger row and, unless the caller named one, `x-litellm-call-id`. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds of the monotonic clock, for durations. */
  readonly startedClock: number;
  readonly request: Request;
  /** The client's address, for the row of the request. */
  readonly clientAddress?: string | undefined;
  readonly client: Format;
  readonly operation: Operation;
  /** LiteLLM's name of the call type (`acompletion`, `anthropic_messages` …). */
  readonly callType: string;
  /** How errors name the route (`/chat/completions`, `anthropic_messages` …). */
  readonly routeName: string;
  readonly principal: Principal;
  readonly snapshot: Snapshot;
  readonly text: string;
  /** Size of the body in bytes of UTF-8. */
  readonly bytes: number;
  /** The parsed body, or the text fields of a form. */
  readonly body: JsonObject;
  /** The form that was sent instead of JSON. */
  readonly form?: FormData;
  /** The name that the client asked for. */
  readonly requestedModel: string;
  readonly stream: boolean;
  readonly controls: CallControls;
  /** The deployment that alone can serve it: it holds what the request refers to. */
  readonly pinnedDeployment?: string;
  /** Who wrote the answer that this request goes on from; others can go on from it as well. */
  readonly previousDeployment?: string;
  /** A health check: one attempt, with this model's name upstream. */
  readonly probeModel?: string;
  /** A copy for another model, whose answer nobody sees: one attempt, no cache. */
  readonly isCopy?: boolean;
  /** `requestedModel` is a fallback's name: answers then name the model that wrote them. */
  readonly fellBack?: boolean;
  /** Ends this attempt while the client still waits: another one has the answer. */
  readonly superseded?: AbortSignal;
  /** The only region that may serve it: the end user's data must not go elsewhere. */
  readonly requiredRegion?: string;
  /** Tokens of output that the caller's budget still pays for, where the caller set no bound itself. */
  readonly outputCap?: number;
  /** Takes the answer for equal requests to come. */
  readonly cacheWriter?: CacheWriter;
  /** Embeddings only: what goes to this model; a fallback gets the whole request, since its vectors are others. */
  readonly partial?: PartialRequest;
  /** Responses only: how the answer is kept, and what it goes on from. */
  readonly response?: ResponseCall;
  /** How a streamed answer is written; default server-sent events. */
  readonly streamFraming?: "json-array";
}

/** The id that the client sees. */
export function visibleCallId(context: RequestContext): string {
  return context.controls.callId ?? context.id;
}
