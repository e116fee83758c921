import type { Json, JsonObject } from "../json/json.ts";
import { base64OfFloats } from "./float-base64.ts";

export interface EmbeddingsAnswer {
  readonly model: string;
  readonly vectors: readonly Json[];
  /** The client's `encoding_format`. */
  readonly encoding: Json | undefined;
  /** Undefined where the provider counted nothing. */
  readonly tokens: number | undefined;
}

/** Vectors as OpenAI's clients read them; `base64` packs little-endian 32-bit floats. */
export function embeddingsAnswer(answer: EmbeddingsAnswer): JsonObject {
  const { model, vectors, encoding, tokens } = answer;
  return {
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encoding === "base64" ? base64OfFloats(vector) : vector,
    })),
    model,
    ...(tokens === undefined ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  };
}
