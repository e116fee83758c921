/**
 * The compiled configuration: immutable, built once per load, swapped atomically. Everything that does not depend on
 * the request is computed here, so that the request path only looks things up.
 */
import type { JsonObject } from "../json/json.ts";
import type { AutoRouter } from "./auto-router.ts";

/** Where in which file something was declared; lines and columns count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Where a deployment's calls go and with what credentials, as its provider resolved them. Never logged or returned. */
export interface Target {
  /** Without a trailing slash and without the endpoint's path, unless `exactUrl`. */
  readonly base: string;
  /** True when the configured base already names the endpoint itself, so that no path may be appended. */
  readonly exactUrl?: boolean;
  /** Static request headers, lower-case names, authentication included where it is static. */
  readonly headers: Readonly<Record<string, string>>;
  /** Query parameters for every call (`api-version`). */
  readonly query?: Readonly<Record<string, string>>;
  /** What the provider's own `sign` needs (regions, role names, client secrets …). */
  readonly credentials: Readonly<Record<string, string>>;
  /** Provider-specific switches that `configure` derived from litellm_params. */
  readonly options?: JsonObject;
}

/** Prices of one deployment or catalogue entry, parsed; opaque to everyone but pricing/. */
export interface PriceSheet {
  /** Decimal text per compiled price name; see pricing/price-sheet.ts. */
  readonly name: string;
  readonly data: unknown;
}

/** What discounts and margins make of prices; opaque to everyone but pricing/. */
export type CostAdjustment = object;

/** What is known of a model: context, capabilities, mode. From the catalogue, overridden by `model_info`. */
export interface ModelFacts {
  readonly mode?: string;
  readonly maxInputTokens?: number;
  readonly maxOutputTokens?: number;
  readonly supports: Readonly<Record<string, boolean>>;
}

/** How one deployment is called. All times in seconds. */
export interface DeploymentSettings {
  readonly timeout?: number;
  readonly streamTimeout?: number;
  readonly numRetries?: number;
  readonly maxRetries?: number;
  readonly cooldownTime?: number;
  readonly weight?: number;
  readonly rpm?: number;
  readonly tpm?: number;
  /** Tokens of input and of output per minute. */
  readonly itpm?: number;
  readonly otpm?: number;
  readonly order?: number;
  readonly maxParallelRequests?: number;
  /** What each key may use per minute where it has no limits for the model. */
  readonly defaultKeyRpm?: number;
  readonly defaultKeyTpm?: number;
  readonly maxBudget?: number;
  readonly budgetDuration?: string;
  readonly tags?: readonly string[];
  readonly tagRegex?: readonly string[];
  readonly regionName?: string;
  /** Request header whose value binds a caller to the deployment that served it first. */
  readonly providerAffinityHeader?: string;
  /** Group that gets a copy of the requests; its answers go nowhere. */
  readonly silentModel?: string;
  /** Share of the requests that are copied, from 0 to 1; default all. */
  readonly silentModelShare?: number;
  /** Longest wait for a stream's first content, and longest silence after it. */
  readonly ttftTimeout?: number;
  readonly streamIdleTimeout?: number;
  /** Seconds of silence after which a stream's client gets a sign of life; 0 for never. */
  readonly keepaliveSeconds?: number;
  /** Whether a request may set them itself. */
  readonly allowClientKeepalive?: boolean;
  /** `service_tier` of the request → its own time limit. */
  readonly timeoutByServiceTier?: Readonly<Record<string, number>>;
  readonly streamTimeoutByServiceTier?: Readonly<Record<string, number>>;
  readonly dropParams?: boolean;
  readonly additionalDropParams?: readonly string[];
  readonly allowedOpenaiParams?: readonly string[];
  readonly modifyParams?: boolean;
  readonly configurableClientsideAuthParams?: readonly unknown[];
  readonly mockResponse?: string;
  readonly mergeReasoningContentInChoices?: boolean;
  /** `chat` forces the Chat Completions endpoint, `responses` the Responses endpoint, where the provider has both. */
  readonly preferredEndpoint?: "chat" | "responses";
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly extraBody?: JsonObject;
  readonly cacheControlInjectionPoints?: readonly JsonObject[];
  readonly useInPassThrough?: boolean;
}

export interface Deployment {
  /** `model_info.id`, or a stable hash of model_name and litellm_params. */
  readonly id: string;
  /** The public name (model group); may be a pattern such as `openai/*`. */
  readonly modelName: string;
  /** Id of its provider in the registry. */
  readonly provider: string;
  /** `litellm_params.model` as written. */
  readonly litellmModel: string;
  /** The name that the provider knows, prefix removed; holds `*` in wildcard deployments. */
  readonly upstreamModel: string;
  readonly target: Target;
  readonly settings: DeploymentSettings;
  /** Request parameters that apply where the caller set none (temperature, thinking, provider parameters …). */
  readonly defaults: JsonObject;
  /** `model_info` as written, `id` included. */
  readonly info: JsonObject;
  readonly facts: ModelFacts;
  /** Undefined: the price is unknown, which is not the same as free. For wildcards it is looked up per model. */
  readonly prices: PriceSheet | undefined;
  /** What its provider's prices are charged at, where that is something else; `prices` is adjusted already. */
  readonly costAdjustment?: CostAdjustment;
  readonly baseModel?: string;
  readonly source: SourceLocation;
  /** It is kept in the database, where the API may change it; absent for what a file declares. */
  readonly stored?: true;
}

/** A pattern such as `openai/*`: literal pieces around the stars. */
export interface WildcardGroup {
  readonly pattern: string;
  readonly pieces: readonly string[];
  readonly deployments: readonly Deployment[];
}

export interface ModelAlias {
  readonly model: string;
  readonly hidden: boolean;
}

/** `router_settings` after merging with `litellm_settings`. Times in seconds. */
export interface RouterSettings {
  readonly routingStrategy: string;
  readonly routingStrategyArgs: JsonObject;
  readonly numRetries: number;
  readonly timeout?: number;
  readonly streamTimeout?: number;
  readonly retryAfter: number;
  readonly retryPolicy?: Readonly<Record<string, number>>;
  readonly modelGroupRetryPolicy?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** The raw, validated section, for the routing rules that read more of it. */
  readonly raw: JsonObject;
}

/** `litellm_settings` that act on requests. */
export interface LibrarySettings {
  readonly dropParams: boolean;
  readonly modifyParams: boolean;
  /** Seconds. */
  readonly requestTimeout: number;
  readonly exposeRouterDebugInErrors: boolean;
  readonly raw: JsonObject;
}

/** `general_settings` that act on requests and on the server. */
export interface GeneralSettings {
  readonly masterKey?: string;
  readonly keyHeaderName?: string;
  readonly completionModel?: string;
  readonly maxRequestSizeBytes: number;
  readonly alwaysIncludeStreamUsage: boolean;
  readonly cancelOnDisconnect: boolean;
  readonly includeCallIdInErrorBody: boolean;
  readonly allowClientSideCredentials: boolean;
  readonly forwardClientHeaders: boolean;
  /** Whether the database may hold models, too. */
  readonly storesModels: boolean;
  readonly raw: JsonObject;
}

/** Credentials for what providers keep, resolved: `litellm_params` with a `custom_llm_provider`. */
export interface ResourceSettings {
  /** `files_settings`: files, batches and whatever has no section of its own. */
  readonly files: readonly JsonObject[];
  readonly fineTuning: readonly JsonObject[];
  readonly assistants: JsonObject | undefined;
  readonly vectorStores: readonly JsonObject[];
}

export type DeclaredKind = "key" | "team" | "budget";

/** A key, a team or a budget that belongs to a configuration file. */
export interface DeclaredObject {
  readonly kind: DeclaredKind;
  /** `team_id`, `budget_id`, or the SHA-256 of the key: the key itself is not kept. */
  readonly id: string;
  /** By their names on the wire; of a key also `key_name`. */
  readonly fields: JsonObject;
  readonly source: SourceLocation;
}

/** Something that the operator should know; errors make `check` fail. */
export interface Diagnostic {
  readonly severity: "error" | "warning" | "info";
  /** Stable machine-readable code: `unknown_key`, `missing_environment_variable`, `deployment_skipped` … */
  readonly code: string;
  readonly message: string;
  readonly location?: SourceLocation;
  /** A likely correction. */
  readonly suggestion?: string;
}

export interface Snapshot {
  /** Hash of everything that was read; replicas report it. */
  readonly version: string;
  readonly files: readonly string[];
  /** Exact model names, in the order of the file. */
  readonly groups: ReadonlyMap<string, readonly Deployment[]>;
  /** Patterns, most specific first; `*` is the last. */
  readonly wildcards: readonly WildcardGroup[];
  readonly aliases: ReadonlyMap<string, ModelAlias>;
  /** Names under which a rule chooses the model. */
  readonly autoRouters: ReadonlyMap<string, AutoRouter>;
  readonly deploymentsById: ReadonlyMap<string, Deployment>;
  /** Names of the credentials that the files declare. */
  readonly declaredCredentials: ReadonlyMap<string, SourceLocation>;
  /** Budgets, teams and keys that the files declare, by `kind:id`; whoever refers to others comes after them. */
  readonly declaredObjects: ReadonlyMap<string, DeclaredObject>;
  readonly router: RouterSettings;
  readonly library: LibrarySettings;
  readonly general: GeneralSettings;
  readonly resources: ResourceSettings;
  /** Where the value at a path stands, or the nearest one around it. */
  readonly locate: (path: readonly (string | number)[]) => SourceLocation;
  /** The merged configuration as plain data, `os.environ/` references unresolved: safe to show. */
  readonly document: JsonObject;
  readonly diagnostics: readonly Diagnostic[];
}
