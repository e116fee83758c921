import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  parseJson,
} from "../../json/json.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "../provider.ts";

/** Rankings that come as `data[]`, documents as plain text: Voyage and Fireworks. */
export function rankingsFromData(body: JsonObject): JsonObject {
  if (!Array.isArray(body.data) || body.results !== undefined) return body;
  const { data: _, object: __, ...rest } = body;
  const results = (body.data as readonly Json[]).map((item) => {
    const document = asString(asObject(item)?.document);
    return document === undefined ? item : { ...(item as JsonObject), document: { text: document } };
  });
  return { ...rest, results, meta: metaOf(asNumber(asObject(body.usage)?.total_tokens)) };
}

function metaOf(tokens: number | undefined): JsonObject {
  return tokens === undefined ? {} : { billed_units: { total_tokens: tokens }, tokens: { input_tokens: tokens } };
}

interface Shape {
  /** Cohere's request body → the provider's. */
  readonly request: (body: JsonObject, call: Call) => JsonObject;
  /** The provider's answer → pairs of index and score, and the tokens it billed. */
  readonly answer: (body: JsonObject) => {
    readonly scores: readonly [number, number][];
    readonly tokens?: number | undefined;
  };
}

/** A rerank endpoint whose request and answer both have another shape than Cohere's. */
function rerankExchange(shape: Shape): NonNullable<Endpoint["exchange"]> {
  return async (request: OutboundRequest, send: Send, call: Call): Promise<Response> => {
    const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
    const response = await send({ ...request, body: JSON.stringify(shape.request(asked, call)) });
    if (!response.ok) return response;
    const answered = asObject(parseJson(await response.text())) ?? {};
    const { scores, tokens } = shape.answer(answered);
    const limit = asNumber(asked.top_n) ?? scores.length;
    const documents = asArray(asked.documents);
    const results = [...scores]
      .sort((a, b) => b[1] - a[1])
      .slice(0, limit)
      .map(([index, score]) => ({
        index,
        relevance_score: score,
        ...(asked.return_documents === true ? { document: { text: documentText(documents[index]) } } : {}),
      }));
    return Response.json({ id: asString(answered.id) ?? null, results, meta: metaOf(tokens) });
  };
}

function documentText(document: Json | undefined): string {
  return typeof document === "string" ? document : (asString(asObject(document)?.text) ?? "");
}

/** https://docs.nvidia.com/nim/nemo-retriever/text-reranking/latest/reference.html (2026-11-24) */
export const nvidiaRerank: Endpoint = {
  format: "openai-chat",
  // The hosted service ranks on a host of its own; a server of one's own below its base.
  path: ({ target, model }) =>
    target.base.startsWith("https://integrate.api.nvidia.com")
      ? `https://ai.api.nvidia.com/v1/retrieval/${model.replaceAll(".", "_")}/reranking`
      : "/ranking",
  exchange: rerankExchange({
    request: (body) => ({
      model: body.model,
      query: { text: asString(body.query) ?? "" },
      passages: asArray(body.documents).map((document) => ({ text: documentText(document) })),
      ...(body.truncate === undefined ? {} : { truncate: body.truncate }),
    }),
    answer: (body) => ({
      scores: asArray(body.rankings).flatMap((ranking): [number, number][] =>
        isObject(ranking) ? [[asNumber(ranking.index) ?? 0, asNumber(ranking.logit) ?? 0]] : [],
      ),
      tokens: asNumber(asObject(body.usage)?.total_tokens),
    }),
  }),
};

/** https://deepinfra.com/docs/rerankers (2026-11-24) */
export const deepinfraRerank: Endpoint = {
  format: "openai-chat",
  path: ({ target, model }) => `${new URL(target.base).origin}/v1/inference/${model}`,
  exchange: rerankExchange({
    request: (body) => ({
      queries: [asString(body.query) ?? ""],
      documents: asArray(body.documents).map(documentText),
    }),
    answer: (body) => ({
      scores: asArray(body.scores).map((score, index): [number, number] => [index, asNumber(score) ?? 0]),
      tokens: asNumber(body.input_tokens),
    }),
  }),
};
