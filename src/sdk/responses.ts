import { formatById } from "../formats/registry.ts";
import type { Json } from "../json/json.ts";
import { bodyOf, type CallOptions, settingsOf } from "./call-options.ts";
import { type Answer, type AnswerStream, converse, converseStreamed } from "./converse.ts";

/** A request of OpenAI's Responses API, with where it goes. */
export interface ResponsesOptions extends CallOptions {
  /** `provider/model`. */
  readonly model: string;
  readonly input: Json;
  readonly stream?: boolean;
  readonly [parameter: string]: unknown;
}

/**
 * Asks any provider's model in the words of OpenAI's Responses. Streams give Responses events.
 *
 * @example
 * const answer = await responses({ model: "gemini/gemini-2.5-flash", input: "Hello" });
 *
 * @throws UpstreamError with the provider's own sentence; GatewayError for a request that cannot be made.
 */
export function responses(options: ResponsesOptions & { readonly stream: true }): Promise<AnswerStream>;
export function responses(options: ResponsesOptions & { readonly stream?: false }): Promise<Answer>;
export function responses(options: ResponsesOptions): Promise<Answer | AnswerStream>;
export async function responses(options: ResponsesOptions): Promise<Answer | AnswerStream> {
  const format = formatById("openai-responses");
  const ask = options.stream === true ? converseStreamed : converse;
  return ask(format, options.model, bodyOf(options), settingsOf(options));
}
