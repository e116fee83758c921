import { asArray, asObject, asString, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Endpoint, OutboundRequest, Send } from "./provider.ts";

/**
 * Ranking over `/v2/rerank`, which takes plain texts and gives no documents back
 * (https://docs.cohere.com/reference/rerank, 2026-11-24); a base of version 1 takes the request as it is.
 */
export const cohereRerank: Endpoint = {
  format: "cohere",
  path: ({ target }) => (target.options?.version === "v1" ? "/v1/rerank" : "/v2/rerank"),
  exchange: (request, send, call) => (call.target.options?.version === "v1" ? send(request) : rerank(request, send)),
};

async function rerank(request: OutboundRequest, send: Send): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { return_documents: wanted, rank_fields: ranked, max_chunks_per_doc: _, documents, ...fields } = asked;
  const names = asArray(ranked).filter((name): name is string => typeof name === "string");
  const texts = asArray(documents).map((document) => textOf(document, names));
  const response = await send({ ...request, body: JSON.stringify({ ...fields, documents: texts }) });
  if (!response.ok || wanted !== true) return response;
  const answer = asObject(parseJson(await response.text())) ?? {};
  const results = asArray(answer.results).map((result) => withDocument(result, asArray(documents)));
  return Response.json({ ...answer, results });
}

/** A structured document is read as lines of `name: value` (Cohere's advice for such data), its `text` alone as text. */
function textOf(document: Json, ranked: readonly string[]): string {
  if (!isObject(document)) return String(document);
  const names = ranked.length > 0 ? ranked : Object.keys(document);
  const [only] = names;
  if (names.length === 1 && only === "text") return asString(document.text) ?? "";
  return names
    .filter((name) => document[name] !== undefined)
    .map((name) => `${name}: ${typeof document[name] === "string" ? document[name] : JSON.stringify(document[name])}`)
    .join("\n");
}

function withDocument(result: Json, documents: readonly Json[]): Json {
  if (!isObject(result) || typeof result.index !== "number") return result;
  const document = documents[result.index];
  if (document === undefined) return result;
  const held: JsonObject = isObject(document) ? document : { text: document };
  return { ...result, document: held };
}
