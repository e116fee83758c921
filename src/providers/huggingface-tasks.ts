import { GatewayError } from "../errors/gateway-error.ts";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../json/json.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/**
 * Embeddings as Hugging Face's feature extraction and its Text Embeddings Inference servers give them
 * (https://huggingface.co/docs/inference-providers/tasks/feature-extraction, 2026-11-24): a list of vectors, or of one
 * vector for each token.
 */
export const huggingfaceEmbeddings: Endpoint = {
  format: "huggingface-generate",
  path: ({ target, model }) =>
    target.options?.api === "router"
      ? `/hf-inference/models/${model.replace(/:[^:/]*$/, "")}/pipeline/feature-extraction`
      : "/",
  exchange: embed,
};

async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = bodyOf(request);
  const { input, model: _, encoding_format: __, dimensions: ___, user: ____, ...parameters } = asked;
  if (asked.dimensions !== undefined)
    call.report.unsupported("dimensions", "feature extraction cannot shorten vectors");
  const inputs = typeof input === "string" ? [input] : input;
  const response = await send({ ...request, body: JSON.stringify({ inputs, ...parameters }) });
  if (!response.ok) return response;
  const answer = parseJson(await response.text());
  // A server that speaks OpenAI's shape at its root needs no translation.
  if (isObject(answer) && answer.data !== undefined) return Response.json(answer);
  const vectors = vectorsOf(answer);
  if (vectors === undefined) throw new GatewayError("bad_gateway", "the server answered without embeddings");
  const tokens = Number(response.headers.get("x-compute-tokens") ?? Number.NaN);
  return Response.json(
    embeddingsAnswer({
      model: call.model,
      vectors,
      encoding: asked.encoding_format,
      tokens: Number.isFinite(tokens) ? tokens : undefined,
    }),
  );
}

function bodyOf(request: OutboundRequest): JsonObject {
  return asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
}

function vectorsOf(answer: Json | undefined): number[][] | undefined {
  const list = isObject(answer) ? answer.embeddings : answer;
  if (!Array.isArray(list) || list.length === 0) return undefined;
  const items = list as readonly Json[];
  if (typeof items[0] === "number") return [items as unknown as number[]];
  const vectors = items.map(pooled);
  return vectors.every((vector) => vector !== undefined) ? vectors : undefined;
}

/** A vector as it is; a matrix of token vectors as their mean. */
function pooled(item: Json): number[] | undefined {
  const rows = asArray(item);
  const [first] = rows;
  if (typeof first === "number") return rows as number[];
  const inner = asArray(first);
  // Some models add a dimension for the batch of one.
  if (Array.isArray(inner[0])) return pooled(first as Json);
  if (inner.length === 0) return undefined;
  const sums = inner.map(() => 0);
  for (const row of rows) {
    asArray(row).forEach((value, index) => {
      sums[index] = (sums[index] ?? 0) + (asNumber(value) ?? 0);
    });
  }
  return sums.map((sum) => sum / rows.length);
}

/** https://huggingface.github.io/text-embeddings-inference/ (2026-11-24) */
export const huggingfaceRerank: Endpoint = { format: "huggingface-generate", path: "/rerank", exchange: rerank };

async function rerank(request: OutboundRequest, send: Send): Promise<Response> {
  const asked = bodyOf(request);
  const documents = asArray(asked.documents);
  const body = {
    query: asString(asked.query) ?? "",
    texts: documents.map((document) =>
      typeof document === "string" ? document : (asString(asObject(document)?.text) ?? JSON.stringify(document)),
    ),
    ...(asked.raw_scores === undefined ? {} : { raw_scores: asked.raw_scores }),
    ...(asked.truncate === undefined ? {} : { truncate: asked.truncate }),
  };
  const response = await send({ ...request, body: JSON.stringify(body) });
  if (!response.ok) return response;
  const answer = asArray(parseJson(await response.text())).filter(isObject);
  const results = answer
    .map((item) => ({ index: asNumber(item.index) ?? 0, relevance_score: asNumber(item.score) ?? 0 }))
    .sort((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, asNumber(asked.top_n) ?? answer.length)
    .map((item) => (asked.return_documents === true ? { ...item, document: documentOf(documents[item.index]) } : item));
  return Response.json({ results });
}

function documentOf(document: Json | undefined): JsonObject {
  return isObject(document) ? document : { text: document ?? "" };
}
