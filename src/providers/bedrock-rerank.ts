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
import { awsPartition } from "./aws-region.ts";
import { bedrockCall, bedrockUrl, modelUrl } from "./bedrock-address.ts";
import { signBedrock } from "./bedrock-sign.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/**
 * Cohere's ranking over the agent runtime's Rerank, for `bedrock/invoke/cohere.rerank-…` over InvokeModel.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html (2026-11-24)
 */
export const BEDROCK_RERANK: Endpoint = {
  format: "bedrock-titan",
  path: (call) => (isInvoked(call) ? modelUrl(call, "invoke") : bedrockUrl(call, "bedrock-agent-runtime", "/rerank")),
  exchange: rerank,
};

function isInvoked(call: Call): boolean {
  return bedrockCall(call).model.route === "invoke";
}

async function rerank(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const body = isInvoked(call) ? invokeBody(asked) : agentBody(asked, call);
  const response = await send(await signBedrock({ ...request, body: JSON.stringify(body) }, call, send));
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text())) ?? {};
  const documents = asked.return_documents === true ? asArray(asked.documents) : [];
  return Response.json({
    id: response.headers.get("x-amzn-requestid") ?? crypto.randomUUID(),
    results: asArray(answer.results).map((result) => readResult(asObject(result) ?? {}, documents)),
    meta: { billed_units: { search_units: searchUnits(asArray(asked.documents).length) } },
  });
}

/** A query counts once for every hundred documents: https://aws.amazon.com/bedrock/pricing/ (2026-11-24). */
function searchUnits(documents: number): number {
  return Math.max(Math.ceil(documents / 100), 1);
}

function agentBody(asked: JsonObject, call: Call): JsonObject {
  const { query, documents, top_n: top } = asked;
  const sources = asArray(documents);
  const { id, region } = bedrockCall(call);
  const arn = id.startsWith("arn:") ? id : `arn:${awsPartition(region)}:bedrock:${region}::foundation-model/${id}`;
  return {
    queries: [{ type: "TEXT", textQuery: { text: asString(query) ?? "" } }],
    sources: sources.map((document) => ({ type: "INLINE", inlineDocumentSource: inlineDocument(document) })),
    rerankingConfiguration: {
      type: "BEDROCK_RERANKING_MODEL",
      bedrockRerankingConfiguration: {
        modelConfiguration: { modelArn: arn },
        numberOfResults: Math.min(asNumber(top) ?? sources.length, sources.length),
      },
    },
  };
}

function inlineDocument(document: Json): JsonObject {
  if (typeof document === "string") return { type: "TEXT", textDocument: { text: document } };
  const text = isObject(document) && Object.keys(document).length === 1 ? asString(document.text) : undefined;
  return text === undefined ? { type: "JSON", jsonDocument: document } : { type: "TEXT", textDocument: { text } };
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-api.html (2026-11-24): texts only. */
function invokeBody(asked: JsonObject): JsonObject {
  const { query, documents, top_n: top, max_tokens_per_doc: perDocument } = asked;
  return {
    query: query ?? "",
    documents: asArray(documents).map((document) =>
      typeof document === "string" ? document : (asString(asObject(document)?.text) ?? JSON.stringify(document)),
    ),
    api_version: 2,
    ...(top === undefined || top === null ? {} : { top_n: top }),
    ...(perDocument === undefined || perDocument === null ? {} : { max_tokens_per_doc: perDocument }),
  };
}

function readResult(result: JsonObject, documents: readonly Json[]): JsonObject {
  const index = asNumber(result.index) ?? 0;
  const document = documents[index];
  return {
    index,
    relevance_score: asNumber(result.relevanceScore) ?? asNumber(result.relevance_score) ?? 0,
    ...(document === undefined ? {} : { document: isObject(document) ? document : { text: document } }),
  };
}
