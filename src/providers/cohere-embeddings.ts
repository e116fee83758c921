import { GatewayError } from "../errors/gateway-error.ts";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../json/json.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/** `texts` and `images` of one call (https://docs.cohere.com/reference/embed, 2026-11-24). */
const MAX_TEXTS = 96;
const MAX_IMAGES = 1;

/**
 * OpenAI's embeddings over `/v2/embed`. A longer list than one call takes is sent in several; the answers are joined in
 * order. Data URLs of images go to `images`.
 */
export const cohereEmbeddings: Endpoint = {
  format: "cohere",
  path: "/v2/embed",
  parameters: { remove: { user: "Cohere has no field for it" } },
  exchange: embed,
};

async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { input, dimensions, encoding_format: encoding, ...fields } = asked;
  const type = numberType(encoding);
  const shared: MutableJsonObject = { ...fields, embedding_types: [type] };
  if (dimensions !== undefined) shared.output_dimension = dimensions;
  const vectors: Json[] = [];
  let tokens = 0;
  for (const batch of batchesOf(input, asString(asked.input_type))) {
    const response = await send({ ...request, body: JSON.stringify({ ...shared, ...batch }) });
    if (!response.ok) return response;
    const answer = asObject(parseJson(await response.text()));
    const held = vectorsOf(answer, type);
    if (held === undefined) throw new GatewayError("bad_gateway", "Cohere answered without embeddings");
    vectors.push(...held);
    const billed = asObject(asObject(answer?.meta)?.billed_units);
    tokens += (asNumber(billed?.input_tokens) ?? 0) + (asNumber(billed?.image_tokens) ?? 0);
  }
  return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens }));
}

/** `base64` is how OpenAI packs floats; everything else names Cohere's own types. */
function numberType(encoding: Json | undefined): string {
  return typeof encoding !== "string" || encoding === "base64" ? "float" : encoding;
}

function batchesOf(input: Json | undefined, inputType: string | undefined): JsonObject[] {
  const items = typeof input === "string" ? [input] : asArray(input);
  if (items.length === 0 || !items.every((item) => typeof item === "string")) {
    throw new GatewayError(
      "invalid_request",
      "Cohere embeds text or images: 'input' must be a text or a list of texts",
      {
        param: "input",
      },
    );
  }
  const texts = items as readonly string[];
  if (texts.every((text) => text.startsWith("data:image/"))) {
    return slices(texts, MAX_IMAGES).map((images) => ({ images, input_type: inputType ?? "image" }));
  }
  // LiteLLM's default; models from version 3 on refuse a call without it.
  return slices(texts, MAX_TEXTS).map((batch) => ({ texts: batch, input_type: inputType ?? "search_document" }));
}

function slices<T>(items: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let at = 0; at < items.length; at += size) result.push(items.slice(at, at + size));
  return result;
}

function vectorsOf(answer: JsonObject | undefined, type: string): readonly Json[] | undefined {
  const held = answer?.embeddings;
  // The first version of the API answers with the list itself.
  if (Array.isArray(held)) return held as readonly Json[];
  const typed = isObject(held) ? held[type] : undefined;
  return Array.isArray(typed) ? (typed as readonly Json[]) : undefined;
}
