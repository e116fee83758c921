import { GatewayError, UpstreamError } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import { retryWait } from "../routing/retry-policy.ts";
import { simpleShuffle } from "../routing/strategies/simple-shuffle.ts";
import type { CallOptions } from "./call-options.ts";
import { type ChatCompletion, type CompletionOptions, type CompletionStream, completion } from "./completion.ts";
import type { Answer, AnswerStream } from "./converse.ts";
import {
  type EmbeddingOptions,
  embedding,
  type ImageGenerationOptions,
  imageGeneration,
  type RerankOptions,
  rerank,
  type TranscriptionOptions,
  transcription,
} from "./operations.ts";
import { type ResponsesOptions, responses } from "./responses.ts";

/** One entry of LiteLLM's `model_list`. */
export interface RouterDeployment {
  /** The name that is asked for; several entries of one name share its load. */
  readonly model_name: string;
  /** `model` is `provider/model`; credentials, `weight`, `rpm` and `tpm` as in a configuration file. */
  readonly litellm_params: JsonObject & { readonly model: string };
}

/** LiteLLM's names, or the same in camel case, which count where both are given. Times are seconds. */
export interface RouterOptions extends Pick<CallOptions, "fetch" | "environment"> {
  readonly modelList?: readonly RouterDeployment[];
  readonly model_list?: readonly RouterDeployment[];
  /** Further attempts after a failure that may pass, on another deployment where there is one. Default 2. */
  readonly numRetries?: number;
  readonly num_retries?: number;
  /** `[{name: [other, …]}]`: the names that are asked when all of a name's deployments fail. */
  readonly fallbacks?: readonly Readonly<Record<string, readonly string[]>>[];
  /** Failures in a row after which a deployment is left alone, default 3. */
  readonly allowedFails?: number;
  readonly allowed_fails?: number;
  /** How long it is left alone, default 5. */
  readonly cooldownTime?: number;
  readonly cooldown_time?: number;
}

interface Member {
  readonly params: RouterDeployment["litellm_params"];
  readonly weight: number | undefined;
  readonly rpm: number | undefined;
  readonly tpm: number | undefined;
  failures: number;
  /** Monotonic milliseconds until which it is left alone. */
  until: number;
}

const DEFAULTS = { numRetries: 2, allowedFails: 3, cooldownTime: 5 };

/** Members of litellm_params that choose a deployment and are no parameters of its provider. */
const ROUTING_PARAMS = new Set(["model", "weight", "rpm", "tpm", "order", "max_parallel_requests"]);

/**
 * Shares the load of a name over its deployments, tries again elsewhere what fails, and falls back to other names.
 *
 * @example
 * const router = new Router({
 *   model_list: [
 *     { model_name: "fast", litellm_params: { model: "groq/llama-3.1-8b-instant", weight: 2 } },
 *     { model_name: "fast", litellm_params: { model: "openai/gpt-4o-mini" } },
 *   ],
 * });
 * const answer = await router.completion({ model: "fast", messages: [{ role: "user", content: "Hello" }] });
 */
export class Router {
  readonly #groups = new Map<string, Member[]>();
  readonly #fallbacks: ReadonlyMap<string, readonly string[]>;
  readonly #numRetries: number;
  readonly #allowedFails: number;
  readonly #cooldownMs: number;
  readonly #options: RouterOptions;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#numRetries = options.numRetries ?? options.num_retries ?? DEFAULTS.numRetries;
    this.#allowedFails = options.allowedFails ?? options.allowed_fails ?? DEFAULTS.allowedFails;
    this.#cooldownMs = (options.cooldownTime ?? options.cooldown_time ?? DEFAULTS.cooldownTime) * 1000;
    this.#fallbacks = new Map((options.fallbacks ?? []).flatMap((entry) => Object.entries(entry)));
    for (const { model_name, litellm_params } of options.modelList ?? options.model_list ?? []) {
      const members = this.#groups.get(model_name) ?? [];
      this.#groups.set(model_name, members);
      members.push({
        params: litellm_params,
        weight: figure(litellm_params.weight),
        rpm: figure(litellm_params.rpm),
        tpm: figure(litellm_params.tpm),
        failures: 0,
        until: 0,
      });
    }
  }

  completion(options: CompletionOptions & { readonly stream: true }): Promise<CompletionStream>;
  completion(options: CompletionOptions & { readonly stream?: false }): Promise<ChatCompletion>;
  completion(options: CompletionOptions): Promise<ChatCompletion | CompletionStream> {
    return this.#route(options, completion);
  }

  responses(options: ResponsesOptions & { readonly stream: true }): Promise<AnswerStream>;
  responses(options: ResponsesOptions & { readonly stream?: false }): Promise<Answer>;
  responses(options: ResponsesOptions): Promise<Answer | AnswerStream> {
    return this.#route(options, responses);
  }

  embedding(options: EmbeddingOptions): Promise<Answer> {
    return this.#route(options, embedding);
  }

  rerank(options: RerankOptions): Promise<Answer> {
    return this.#route(options, rerank);
  }

  imageGeneration(options: ImageGenerationOptions): Promise<Answer> {
    return this.#route(options, imageGeneration);
  }

  image_generation(options: ImageGenerationOptions): Promise<Answer> {
    return this.imageGeneration(options);
  }

  transcription(options: TranscriptionOptions): Promise<Answer> {
    return this.#route(options, transcription);
  }

  /** Asks the name's deployments, then those of its fallbacks. */
  async #route<O extends CallOptions & { readonly model: string }, T>(
    options: O,
    call: (options: O) => Promise<T>,
  ): Promise<T> {
    const names = [options.model, ...(this.#fallbacks.get(options.model) ?? this.#fallbacks.get("*") ?? [])];
    for (const [index, name] of names.entries()) {
      try {
        return await this.#group(name, options, call);
      } catch (error) {
        if (index === names.length - 1 || options.signal?.aborted === true) throw error;
      }
    }
    throw new RangeError("there is always a name to ask");
  }

  async #group<O extends CallOptions & { readonly model: string }, T>(
    name: string,
    options: O,
    call: (options: O) => Promise<T>,
  ): Promise<T> {
    const members = this.#groups.get(name);
    if (members === undefined) {
      throw new GatewayError("invalid_request", `no deployment is called ${name}`, { param: "model" });
    }
    const tried = new Set<Member>();
    for (let attempts = 1; ; attempts++) {
      const member = this.#choose(members, tried);
      tried.add(member);
      try {
        const answer = await call({
          ...this.#optionsFor(member),
          ...options,
          model: member.params.model,
          numRetries: 0,
        });
        member.failures = 0;
        return answer;
      } catch (error) {
        if (!(error instanceof UpstreamError) || options.signal?.aborted === true) throw error;
        this.#failed(member);
        if (!error.retryable || attempts > this.#numRetries) throw error;
        const seconds = retryWait({
          attempts,
          retryAfter: error.failure.retryAfter,
          minimum: 0,
          otherDeployment: members.some((other) => !tried.has(other)),
          random: Math.random(),
        });
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      }
    }
  }

  /** One that has not failed this request and is not left alone; where there is none, any. */
  #choose(members: readonly Member[], tried: ReadonlySet<Member>): Member {
    const now = performance.now();
    const healthy = members.filter((member) => member.until <= now);
    const fresh = healthy.filter((member) => !tried.has(member));
    const candidates = fresh.length > 0 ? fresh : healthy.length > 0 ? healthy : members;
    return simpleShuffle(candidates, Math.random());
  }

  #failed(member: Member): void {
    member.failures++;
    if (member.failures <= this.#allowedFails) return;
    member.failures = 0;
    member.until = performance.now() + this.#cooldownMs;
  }

  #optionsFor(member: Member): CallOptions {
    const params = Object.fromEntries(Object.entries(member.params).filter(([name]) => !ROUTING_PARAMS.has(name)));
    const { fetch, environment } = this.#options;
    return {
      providerParams: params as JsonObject,
      ...(fetch === undefined ? {} : { fetch }),
      ...(environment === undefined ? {} : { environment }),
    };
  }
}

function figure(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
