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
import type { Call, Endpoint, OutboundRequest } from "./provider.ts";

/** Adds model, project and space to a body. */
type AddModel = (body: MutableJsonObject, call: Call) => void;

function bodyOf(request: OutboundRequest): JsonObject {
  return asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
}

/** https://cloud.ibm.com/apidocs/watsonx-ai#text-embeddings (2026-11-24) */
export function watsonxEmbeddings(addModel: AddModel): Endpoint {
  return {
    format: "watsonx-generate",
    path: "/ml/v1/text/embeddings",
    exchange: async (request, send, call) => {
      const { input, encoding_format: encoding, user: _, dimensions, ...rest } = bodyOf(request);
      if (dimensions !== undefined) call.report.unsupported("dimensions", "watsonx cannot shorten vectors");
      const body: MutableJsonObject = { ...rest, inputs: Array.isArray(input) ? input : [input ?? ""] };
      addModel(body, call);
      const response = await send({ ...request, body: JSON.stringify(body) });
      if (!response.ok) return response;
      const answer = asObject(parseJson(await response.text()));
      const vectors = asArray(answer?.results).map((result) => asObject(result)?.embedding ?? []);
      const tokens = asNumber(answer?.input_token_count);
      return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens }));
    },
  };
}

/** https://cloud.ibm.com/apidocs/watsonx-ai#text-rerank (2026-11-24) */
export function watsonxRerank(addModel: AddModel): Endpoint {
  return {
    format: "watsonx-generate",
    path: "/ml/v1/text/rerank",
    exchange: async (request, send, call) => {
      const asked = bodyOf(request);
      const documents = asArray(asked.documents);
      const inputs = documents.map((document) => ({ text: textOf(document) }));
      const limit = asNumber(asked.top_n);
      const body: MutableJsonObject = {
        query: asString(asked.query) ?? "",
        inputs,
        parameters: { return_options: { inputs: false, ...(limit === undefined ? {} : { top_n: limit }) } },
      };
      addModel(body, call);
      const response = await send({ ...request, body: JSON.stringify(body) });
      if (!response.ok) return response;
      const answer = asObject(parseJson(await response.text()));
      const results = asArray(answer?.results)
        .filter(isObject)
        .map((result) => ({
          index: asNumber(result.index) ?? 0,
          relevance_score: asNumber(result.score) ?? 0,
          ...(asked.return_documents === true
            ? { document: { text: inputs[asNumber(result.index) ?? 0]?.text ?? "" } }
            : {}),
        }));
      const tokens = asNumber(answer?.input_token_count);
      const meta = tokens === undefined ? {} : { billed_units: { total_tokens: tokens } };
      return Response.json({ results, meta });
    },
  };
}

function textOf(document: Json): string {
  return typeof document === "string" ? document : (asString(asObject(document)?.text) ?? JSON.stringify(document));
}
