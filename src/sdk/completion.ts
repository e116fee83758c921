import { formatById } from "../formats/registry.ts";
import type { JsonObject } from "../json/json.ts";
import { bodyOf, type CallOptions, settingsOf } from "./call-options.ts";
import { type Answer, type AnswerStream, converse, converseStreamed } from "./converse.ts";

/** A Chat Completions request, with where it goes. Members that are not named here are the request's own. */
export interface CompletionOptions extends CallOptions {
  /** `provider/model`, for instance `anthropic/claude-sonnet-4-5`. */
  readonly model: string;
  readonly messages: readonly JsonObject[];
  readonly stream?: boolean;
  readonly [parameter: string]: unknown;
}

export type ChatCompletion = Answer;
export type ChatChunk = JsonObject;
export type CompletionStream = AnswerStream;

/**
 * Asks any provider's model in the words of OpenAI's Chat Completions.
 *
 * @example
 * const answer = await completion({ model: "anthropic/claude-sonnet-4-5", messages: [{ role: "user", content: "Hello" }] });
 *
 * @throws UpstreamError with the provider's own sentence; GatewayError for a request that cannot be made.
 */
export function completion(options: CompletionOptions & { readonly stream: true }): Promise<CompletionStream>;
export function completion(options: CompletionOptions & { readonly stream?: false }): Promise<ChatCompletion>;
export function completion(options: CompletionOptions): Promise<ChatCompletion | CompletionStream>;
export async function completion(options: CompletionOptions): Promise<ChatCompletion | CompletionStream> {
  const chat = formatById("openai-chat");
  const ask = options.stream === true ? converseStreamed : converse;
  return ask(chat, options.model, bodyOf(options), settingsOf(options));
}
