import { GatewayError } from "../errors/gateway-error.ts";
import { asArray, asNumber, asObject, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/** Requests of one batch (https://ai.google.dev/api/embeddings, 2026-11-24). */
const BATCH = 100;

/** OpenAI's embeddings over `:batchEmbedContents`. `input_type` and `task_type` become Google's `taskType`. */
export const GEMINI_EMBEDDINGS: Endpoint = {
  format: "gemini",
  path: "/models/{model}:batchEmbedContents",
  parameters: { remove: { user: "Google has no field for it" } },
  exchange: embedBatches,
};

async function embedBatches(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const { inputs, shared, encoding } = readAsked(request);
  const name = call.model.startsWith("models/") ? call.model : `models/${call.model}`;
  const vectors: Json[] = [];
  let tokens: number | undefined;
  for (let at = 0; at < inputs.length; at += BATCH) {
    const requests = inputs.slice(at, at + BATCH).map((content) => ({ model: name, content, ...shared }));
    const response = await send({ ...request, body: JSON.stringify({ requests }) });
    if (!response.ok) return response;
    const answer = asObject(parseJson(await response.text()));
    for (const item of asArray(answer?.embeddings)) vectors.push(asObject(item)?.values ?? []);
    const counted = asNumber(asObject(answer?.usageMetadata)?.promptTokenCount);
    if (counted !== undefined) tokens = (tokens ?? 0) + counted;
  }
  if (vectors.length !== inputs.length) {
    throw new GatewayError("bad_gateway", `Google answered ${inputs.length} inputs with ${vectors.length} embeddings`);
  }
  return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens }));
}

/**
 * Embeddings of Vertex AI's `:predict`
 * (https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api, 2026-11-24).
 */
export function vertexEmbeddings(path: Endpoint["path"]): Endpoint {
  return {
    format: "gemini",
    path,
    parameters: { remove: { user: "Google has no field for it" } },
    exchange: predictEmbeddings,
  };
}

/** `gemini-embedding` models take one text in each call. */
function batchOf(model: string): number {
  return /gemini-embedding/.test(model) ? 1 : 250;
}

async function predictEmbeddings(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const { texts, shared, encoding } = readAsked(request);
  const { outputDimensionality, taskType, title, autoTruncate, ...others } = shared;
  const parameters = {
    ...(outputDimensionality === undefined ? {} : { outputDimensionality }),
    ...(autoTruncate === undefined ? {} : { autoTruncate }),
  };
  const vectors: Json[] = [];
  let tokens: number | undefined;
  const size = batchOf(call.model);
  for (let at = 0; at < texts.length; at += size) {
    const instances = texts.slice(at, at + size).map((content) => ({
      content,
      ...(taskType === undefined ? {} : { task_type: taskType }),
      ...(title === undefined ? {} : { title }),
      ...others,
    }));
    const body = { instances, ...(Object.keys(parameters).length === 0 ? {} : { parameters }) };
    const response = await send({ ...request, body: JSON.stringify(body) });
    if (!response.ok) return response;
    const answer = asObject(parseJson(await response.text()));
    for (const item of asArray(answer?.predictions)) {
      const embeddings = asObject(asObject(item)?.embeddings);
      vectors.push(embeddings?.values ?? []);
      const counted = asNumber(asObject(embeddings?.statistics)?.token_count);
      if (counted !== undefined) tokens = (tokens ?? 0) + counted;
    }
  }
  if (vectors.length !== texts.length) {
    throw new GatewayError("bad_gateway", `Google answered ${texts.length} inputs with ${vectors.length} embeddings`);
  }
  return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens }));
}

/** What is told the OpenAI way, in Google's words. Data URLs are media, everything else is text. */
function readAsked(request: OutboundRequest): {
  readonly inputs: readonly JsonObject[];
  readonly texts: readonly string[];
  readonly shared: JsonObject;
  readonly encoding: Json | undefined;
} {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { input, model: _, dimensions, encoding_format: encoding, input_type: type, task_type: task, ...rest } = asked;
  const items = typeof input === "string" ? [input] : asArray(input);
  const contents = items.map((item) => (isObject(item) && isObject(item.content) ? item.content : item));
  if (items.length === 0 || !contents.every((item) => typeof item === "string" || isObject(item))) {
    throw new GatewayError("invalid_request", "Google embeds texts: 'input' must be a text or a list of texts", {
      param: "input",
    });
  }
  const taskType = task ?? type;
  return {
    inputs: contents.map((item) => (typeof item === "string" ? { parts: [partOf(item)] } : (item as JsonObject))),
    texts: contents.map((item) => (typeof item === "string" ? item : JSON.stringify(item))),
    shared: {
      ...rest,
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
      ...(taskType === undefined ? {} : { taskType }),
    },
    encoding,
  };
}

function partOf(text: string): JsonObject {
  const media = /^data:([^;,]+);base64,(.*)$/s.exec(text);
  return media === null ? { text } : { inlineData: { mimeType: media[1] ?? "", data: media[2] ?? "" } };
}
