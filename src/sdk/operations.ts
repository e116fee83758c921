import type { Json } from "../json/json.ts";
import { bodyOf, type CallOptions, settingsOf } from "./call-options.ts";
import type { Answer } from "./converse.ts";
import { operate } from "./operate.ts";

interface OperationOptions extends CallOptions {
  /** `provider/model`. */
  readonly model: string;
  readonly [parameter: string]: unknown;
}

export interface EmbeddingOptions extends OperationOptions {
  readonly input: string | readonly string[] | readonly number[];
}

/**
 * Embeddings in OpenAI's form, of any provider that has them.
 *
 * @example
 * const { data } = await embedding({ model: "cohere/embed-v4.0", input: ["one", "two"] });
 */
export function embedding(options: EmbeddingOptions): Promise<Answer> {
  return operate("embeddings", options.model, bodyOf(options), settingsOf(options));
}

export interface RerankOptions extends OperationOptions {
  readonly query: string;
  readonly documents: readonly Json[];
}

/**
 * A ranking in Cohere's form.
 *
 * @example
 * const { results } = await rerank({ model: "cohere/rerank-v3.5", query: "capital", documents: ["Paris", "a cat"] });
 */
export function rerank(options: RerankOptions): Promise<Answer> {
  return operate("rerank", options.model, bodyOf(options), settingsOf(options));
}

export interface ImageGenerationOptions extends OperationOptions {
  readonly prompt: string;
}

/**
 * Images in OpenAI's form.
 *
 * @example
 * const { data } = await imageGeneration({ model: "openai/gpt-image-1", prompt: "an isthmus" });
 */
export function imageGeneration(options: ImageGenerationOptions): Promise<Answer> {
  return operate("image-generation", options.model, bodyOf(options), settingsOf(options));
}

export interface TranscriptionOptions extends OperationOptions {
  /** The sound. A `File` keeps its name, which tells its format; anything else is called `audio.wav`. */
  readonly file: Blob;
}

/**
 * The text of speech, in OpenAI's form.
 *
 * @example
 * const { text } = await transcription({ model: "groq/whisper-large-v3", file: new File([bytes], "talk.mp3") });
 */
export function transcription(options: TranscriptionOptions): Promise<Answer> {
  const { file, ...others } = options;
  const filename = "name" in file && typeof file.name === "string" ? file.name : "audio.wav";
  return operate("transcription", options.model, bodyOf(others), settingsOf(options), {
    name: "file",
    content: file,
    filename,
  });
}
