import type { JsonObject, MutableJsonObject } from "../json/json.ts";
import { platformEnvironment } from "./environment.ts";

/**
 * How a call is made, beside the request's own members. Each has LiteLLM's name and the same in camel case; where both
 * are given, camel case counts. Times are seconds.
 */
export interface CallOptions {
  readonly apiKey?: string;
  readonly api_key?: string;
  readonly apiBase?: string;
  readonly api_base?: string;
  readonly apiVersion?: string;
  readonly api_version?: string;
  /** Further litellm_params of the provider (`vertex_project`, `aws_region_name` …). */
  readonly providerParams?: JsonObject;
  /** Leave out what the provider cannot say instead of refusing the request. Default false. */
  readonly dropParams?: boolean;
  readonly drop_params?: boolean;
  /** Further attempts after a failure that may pass, default 2. A stream is tried again until its first chunk. */
  readonly numRetries?: number;
  readonly num_retries?: number;
  /** Models that are asked, in this order, when `model` fails: `provider/model`. Credentials are the environment's. */
  readonly fallbacks?: readonly string[];
  /** Longest wait for an answer, or for the next piece of a stream; default none. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Default: the platform's. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Default: the platform's environment variables. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Options in one spelling, with their defaults. */
export interface Settings {
  readonly params: JsonObject;
  readonly dropParams: boolean;
  readonly numRetries: number;
  readonly fallbacks: readonly string[];
  readonly timeout: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_RETRIES = 2;

const NAMES: ReadonlySet<string> = new Set([
  ...["apiKey", "api_key", "apiBase", "api_base", "apiVersion", "api_version", "providerParams"],
  ...["dropParams", "drop_params", "numRetries", "num_retries", "fallbacks", "timeout", "signal", "fetch"],
  "environment",
]);

export function settingsOf(options: CallOptions): Settings {
  const key = options.apiKey ?? options.api_key;
  const base = options.apiBase ?? options.api_base;
  const version = options.apiVersion ?? options.api_version;
  return {
    params: {
      ...options.providerParams,
      ...(key === undefined ? {} : { api_key: key }),
      ...(base === undefined ? {} : { api_base: base }),
      ...(version === undefined ? {} : { api_version: version }),
    },
    dropParams: options.dropParams ?? options.drop_params ?? false,
    numRetries: options.numRetries ?? options.num_retries ?? DEFAULT_RETRIES,
    fallbacks: options.fallbacks ?? [],
    timeout: options.timeout,
    signal: options.signal,
    fetch: options.fetch ?? globalThis.fetch,
    environment: options.environment ?? platformEnvironment(),
  };
}

/** The request's own members: what is no option, and not undefined. */
export function bodyOf(options: object): MutableJsonObject {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => !NAMES.has(name) && value !== undefined),
  ) as MutableJsonObject;
}
