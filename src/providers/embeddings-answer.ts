import { asArray, asNumber, type Json, type JsonObject } from "../json/json.ts";

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
      embedding: encoding === "base64" ? base64Of(vector) : vector,
    })),
    model,
    ...(tokens === undefined ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  };
}

function base64Of(vector: Json): string {
  const numbers = asArray(vector);
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  numbers.forEach((number, index) => {
    view.setFloat32(index * 4, asNumber(number) ?? 0, true);
  });
  let binary = "";
  for (const byte of new Uint8Array(view.buffer)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
