import type { UpstreamFailure } from "../errors/gateway-error.ts";
import type { FormatId, SealOwner } from "../formats/conversation.ts";
import type { ParameterReport } from "../formats/report.ts";
import type { JsonObject, MutableJsonObject } from "../json/json.ts";
import type { ModelFacts, Target } from "../snapshot/snapshot.ts";
import type { RequestBody } from "../upstream/transport.ts";

/** What a client may ask of a model. `chat` covers every conversation, whatever the client's format. */
export type Operation =
  | "chat"
  | "completions"
  | "embeddings"
  | "rerank"
  | "image-generation"
  | "image-edit"
  | "image-variation"
  | "transcription"
  | "translation"
  | "speech"
  | "moderation"
  | "count-tokens"
  | "ocr"
  | "realtime";

/** Kinds of objects that providers keep under ids of theirs, as OpenAI's API has them. */
export type ResourceKind =
  | "files"
  | "batches"
  | "fine-tuning"
  | "vector-stores"
  | "assistants"
  | "containers"
  | "evals"
  | "videos"
  /** Anthropic's batches, in its own form. */
  | "message-batches";

/** The objects that a provider keeps, and where. */
export interface ProviderResources {
  readonly kinds: readonly ResourceKind[];
  /** Path and query behind the target's base; default the path itself. `path` begins as OpenAI's does behind `/v1`. */
  readonly path?: (path: string, target: Target) => string;
}

/** What `configure` gets: litellm_params with references resolved, and the environment. */
export interface ConfigureInput {
  /** litellm_params merged with its credential; every value resolved. */
  readonly params: JsonObject;
  /** The model name without the provider's prefix. */
  readonly model: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a text file that a parameter names (credential files); undefined when it cannot be read. */
  readonly readFile?: (path: string) => string | undefined;
}

/** Why a deployment cannot be built, in one sentence that names the missing key or variable. */
export interface ConfigureProblem {
  readonly code: "missing_credential" | "missing_api_base" | "invalid_value";
  readonly message: string;
  /** The litellm_params key at fault or missing. */
  readonly key: string;
}

/** One call about to be made. */
export interface Call {
  readonly operation: Operation;
  /** The name that goes upstream. */
  readonly model: string;
  readonly stream: boolean;
  readonly target: Target;
  readonly facts: ModelFacts;
  /** `model_info.base_model`: what an opaquely named deployment (Azure) really is. */
  readonly baseModel?: string;
  /** `allowed_openai_params`: sent although the provider's rules call them unsupported. */
  readonly allowedParameters?: readonly string[];
  readonly report: ParameterReport;
  /** `modify_params`. */
  readonly modifyParams: boolean;
}

export interface OutboundRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | undefined;
}

/** The fetch that upstream/ hands to multi-step exchanges; time-outs and abort are already bound to it. */
export type Send = (request: OutboundRequest) => Promise<Response>;

/** Rules on the fields of a wire body, applied after encoding and on bytes that pass through. Data first. */
export interface ParameterRules {
  /** Field → reason. Without `drop_params` a request with such a field is refused. */
  readonly unsupported?: Readonly<Record<string, string>>;
  /** Field → field. An existing target wins, save that `max_completion_tokens` beats `max_tokens`. */
  readonly rename?: Readonly<Record<string, string>>;
  readonly clamp?: Readonly<Record<string, { readonly min?: number; readonly max?: number }>>;
  /** Fields that mean nothing to the provider and nothing to the caller's answer: removed and reported, never refused. */
  readonly remove?: Readonly<Record<string, string>>;
  /** Lists of text parts become one string. */
  readonly flattenContent?: boolean;
  /** JSON-schema keywords to strip from tools and response formats, reported. */
  readonly stripSchemaKeywords?: readonly string[];
  /** `cache_control` marks survive only where the provider understands them. */
  readonly keepCacheControl?: boolean;
  /** Members of `messages[]` that the provider refuses: removed and reported. */
  readonly removeMessageFields?: readonly string[];
  /** The only members that the provider accepts in `messages[]`; others are removed and reported. */
  readonly messageFields?: readonly string[];
  /** What data cannot say; runs last, reports whatever it changes, and replaces nested values instead of changing them. */
  readonly custom?: (body: MutableJsonObject, call: Call) => void;
}

/** How one operation is spoken on the wire. */
export interface Endpoint {
  readonly format: FormatId;
  /**
   * Appended to the target's base; `{model}` is replaced by the URL-encoded upstream name (slashes kept). A path that
   * begins with `http` is the whole URL: an endpoint on another host.
   */
  readonly path: string | ((call: Call) => string);
  readonly parameters?: ParameterRules;
  /** Token counts: the models that the endpoint counts for. Default: all. */
  readonly countsFor?: (model: string) => boolean;
  /** Default `sse`. */
  readonly framing?: "sse" | "ndjson" | "aws-event-stream";
  /** Static headers of this endpoint only. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers that follow from the body (`anthropic-beta`). */
  readonly bodyHeaders?: (body: JsonObject, call: Call) => Record<string, string>;
  /** False where the provider has no streaming: the gateway then asks for a whole answer and streams that. */
  readonly streams?: boolean;
  /** Asks for usage in streams by `stream_options.include_usage`. Default true for openai-chat. */
  readonly streamUsageOption?: boolean;
  /**
   * Repairs of a native answer before it is decoded or passed through; returns the same object when nothing had to
   * change, so that bytes can pass.
   */
  readonly normaliseResponse?: (body: JsonObject, call: Call) => JsonObject;
  /** The same for one parsed stream frame. Declared only where needed: it costs a parse per frame. */
  readonly normaliseFrame?: (frame: JsonObject, call: Call) => JsonObject;
  /**
   * Texts of which at least one stands in every frame that `normaliseFrame` changes: other frames need neither its call
   * nor a parse, and their bytes can pass. Absent: every frame is parsed.
   */
  readonly frameMarks?: readonly string[];
  /** A protocol of several requests (submit, poll, fetch). Yields a Response as if the provider had answered at once. */
  readonly exchange?: (request: OutboundRequest, send: Send, call: Call) => Promise<Response>;
}

export interface Provider {
  /** LiteLLM's prefix. */
  readonly id: string;
  /** Other prefixes with the same behaviour. */
  readonly aliases?: readonly string[];
  /** The name in error messages: `<label>Exception - …`. */
  readonly label: string;
  /** Where its wire format is documented, and when that was read. */
  readonly documentation: { readonly url: string; readonly read: string };
  /** Whose sealed values its models open. */
  readonly owner: SealOwner | ((model: string) => SealOwner);
  /** Environment variables, first present wins. */
  readonly environment: { readonly key: readonly string[]; readonly base: readonly string[] };
  readonly defaultBase?: string;
  /** Hosts by which a bare `api_base` is recognised. */
  readonly hosts?: readonly string[];
  /** `none`: no key is needed; `optional`: sent when there is one. */
  readonly key: "required" | "optional" | "none";
  /** Conversations: first is the default; another is taken when its format is the client's. Other operations: one each. */
  readonly endpoints: { readonly [O in Operation]?: readonly Endpoint[] };
  /** Chooses among several endpoints of an operation; default: same format as the client, else the first. */
  readonly selectEndpoint?: (
    operation: Operation,
    client: FormatId,
    call: Call,
    preferred: "chat" | "responses" | undefined,
  ) => Endpoint | undefined;
  /** Snapshot time: litellm_params → target. */
  readonly configure: (input: ConfigureInput) => Target | ConfigureProblem;
  /** The name that goes upstream (`accounts/fireworks/models/…`). Default: unchanged. */
  readonly upstreamModel?: (model: string, target: Target) => string;
  /** Adds what must be computed per call: SigV4 signatures, OAuth tokens. */
  readonly sign?: (request: OutboundRequest, call: Call, send: Send) => Promise<OutboundRequest>;
  /** It keeps answers of its Responses endpoint, so that they can be asked for by their ids and gone on from. */
  readonly keepsResponses?: boolean;
  /** Files, batches … that it keeps. */
  readonly resources?: ProviderResources;
  /** Refines what the format's `decodeError` found. */
  readonly classifyError?: (failure: UpstreamFailure, status: number, body: string) => UpstreamFailure;
}

/** Whether `configure` found a problem. */
export function isConfigureProblem(value: Target | ConfigureProblem): value is ConfigureProblem {
  return "code" in value;
}
