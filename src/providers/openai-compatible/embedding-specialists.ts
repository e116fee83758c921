import { asNumber, asObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { rankingsFromData } from "./rerank-shapes.ts";

/** Only the total is stated, and all of it is input. */
function promptTokens(body: JsonObject): JsonObject {
  const usage = asObject(body.usage);
  const total = asNumber(usage?.total_tokens);
  if (usage === undefined || total === undefined || usage.prompt_tokens !== undefined) return body;
  return { ...body, usage: { ...usage, prompt_tokens: total } };
}

/** `base64` is an encoding, everything else a type of number. */
function voyageEncoding(body: MutableJsonObject, call: Call): void {
  const format = body.encoding_format;
  if (format === undefined || format === "base64") return;
  delete body.encoding_format;
  if (format === null || format === "float") {
    call.report.dropped("encoding_format", "float is what comes anyway");
    return;
  }
  body.output_dtype = format;
  call.report.renamed("encoding_format", "output_dtype", "the provider's own name for it");
}

/** Providers of vectors and rankings only. */
export const EMBEDDING_SPECIALISTS: readonly OpenAiCompatibleRow[] = [
  {
    id: "voyage",
    label: "Voyage",
    documentation: "https://docs.voyageai.com/reference/embeddings-api",
    base: "https://api.voyageai.com/v1",
    keys: ["VOYAGE_API_KEY"],
    bases: ["VOYAGE_API_BASE"],
    serves: ["embeddings", "rerank"],
    rules: {
      embeddings: { rename: { dimensions: "output_dimension" }, custom: voyageEncoding },
      rerank: { rename: { top_n: "top_k" } },
    },
    normalise: { embeddings: promptTokens, rerank: rankingsFromData },
  },
  {
    id: "jina_ai",
    aliases: ["jina"],
    label: "JinaAI",
    documentation: "https://api.jina.ai/redoc",
    base: "https://api.jina.ai/v1",
    keys: ["JINA_AI_API_KEY", "JINA_API_KEY"],
    bases: ["JINA_AI_API_BASE"],
    serves: ["embeddings", "rerank"],
    normalise: { embeddings: promptTokens },
  },
  {
    id: "infinity",
    label: "Infinity",
    documentation: "https://michaelfeil.eu/infinity/latest/",
    keys: ["INFINITY_API_KEY"],
    bases: ["INFINITY_API_BASE"],
    key: "optional",
    serves: ["embeddings", "rerank"],
  },
];
