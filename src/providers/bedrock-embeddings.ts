import { GatewayError } from "../errors/gateway-error.ts";
import { asArray, asNumber, asObject, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import { bedrockCall, modelUrl } from "./bedrock-address.ts";
import { signBedrock } from "./bedrock-sign.ts";
import { base64OfFloats } from "./float-base64.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/** Calls at once for models that embed one text a call. */
const PARALLEL = 8;
/** `texts` of one call: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html (2026-11-24) */
const MAX_TEXTS = 96;

/** OpenAI's embeddings over InvokeModel: as many calls as the model needs, their vectors in order, their tokens summed. */
export const BEDROCK_EMBEDDINGS: Endpoint = {
  format: "bedrock-titan",
  path: (call) => modelUrl(call, "invoke"),
  exchange: embed,
};

interface Asked {
  readonly texts: readonly string[];
  readonly dimensions: number | undefined;
  /** OpenAI's `encoding_format`. */
  readonly encoding: Json | undefined;
  /** The model's own parameters. */
  readonly own: JsonObject;
}

/** How a family of models embeds. */
interface Family {
  /** Texts that one call takes. */
  readonly batch: number;
  readonly body: (texts: readonly string[], asked: Asked) => JsonObject;
  readonly vectors: (answer: JsonObject) => readonly Json[];
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html (2026-11-24) */
const TITAN: Family = {
  batch: 1,
  body: ([text], { dimensions, own }) => ({
    inputText: text,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...own,
  }),
  vectors: (answer) => (answer.embedding === undefined ? typed(answer.embeddingsByType) : [answer.embedding]),
};

/** https://docs.aws.amazon.com/bedrock/latest/userguide/titan-multiemb-models.html (2026-11-24) */
const TITAN_IMAGE: Family = {
  batch: 1,
  body: ([input = ""], { dimensions, own }) => ({
    ...(input.startsWith("data:image/") ? { inputImage: input.slice(input.indexOf(",") + 1) } : { inputText: input }),
    ...(dimensions === undefined ? {} : { embeddingConfig: { outputEmbeddingLength: dimensions } }),
    ...own,
  }),
  vectors: TITAN.vectors,
};

const COHERE: Family = {
  batch: MAX_TEXTS,
  body: (texts, { dimensions, own }) => ({
    ...(texts.every((text) => text.startsWith("data:image/"))
      ? { images: texts, input_type: "image" }
      : // LiteLLM's default; the models refuse a call without it.
        { texts, input_type: "search_document" }),
    ...(dimensions === undefined ? {} : { output_dimension: dimensions }),
    ...own,
  }),
  vectors: (answer) => (Array.isArray(answer.embeddings) ? answer.embeddings : typed(answer.embeddings)),
};

/** https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html (2026-11-24) */
const NOVA: Family = {
  batch: 1,
  body: ([text = ""], { dimensions, own }) => ({
    taskType: "SINGLE_EMBEDDING",
    singleEmbeddingParams: {
      embeddingPurpose: "GENERIC_INDEX",
      ...(dimensions === undefined ? {} : { embeddingDimension: dimensions }),
      text: { truncationMode: "END", value: text },
      ...own,
    },
  }),
  vectors: (answer) => asArray(answer.embeddings).map((item) => asObject(item)?.embedding ?? null),
};

function typed(byType: Json | undefined): readonly Json[] {
  const [first] = Object.values(isObject(byType) ? byType : {});
  // Titan holds one vector under each type, Cohere a list of them.
  return Array.isArray(first) && !Array.isArray(first[0]) ? [first] : asArray(first);
}

function familyOf(call: Call): Family {
  const { maker, bare } = bedrockCall(call).model;
  if (maker === "cohere") return COHERE;
  if (maker === "nova") return NOVA;
  if (maker === "titan" || maker === "amazon") return bare.includes("embed-image") ? TITAN_IMAGE : TITAN;
  throw new GatewayError("invalid_request", `Bedrock embeds with Titan, Cohere and Nova models, not with ${bare}`, {
    param: "model",
  });
}

async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = readAsked(request);
  const family = familyOf(call);
  const batches: string[][] = [];
  for (let at = 0; at < asked.texts.length; at += family.batch) batches.push(asked.texts.slice(at, at + family.batch));
  const vectors: Json[] = [];
  let tokens = 0;
  for (let at = 0; at < batches.length; at += PARALLEL) {
    const responses = await Promise.all(
      batches.slice(at, at + PARALLEL).map(async (texts) => {
        const body = JSON.stringify(family.body(texts, asked));
        return send(await signBedrock({ ...request, body }, call, send));
      }),
    );
    for (const response of responses) {
      if (!response.ok) return response;
      const answer = asObject(parseJson(await response.text())) ?? {};
      vectors.push(...family.vectors(answer));
      tokens += countOf(response, answer);
    }
  }
  if (vectors.length !== asked.texts.length) {
    throw new GatewayError("bad_gateway", `Bedrock gave ${vectors.length} vectors for ${asked.texts.length} texts`);
  }
  return Response.json({
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: asked.encoding === "base64" ? base64OfFloats(vector) : vector,
    })),
    model: call.model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

function countOf(response: Response, answer: JsonObject): number {
  const header = Number(response.headers.get("x-amzn-bedrock-input-token-count") ?? Number.NaN);
  return Number.isFinite(header) ? header : (asNumber(answer.inputTextTokenCount) ?? 0);
}

function readAsked(request: OutboundRequest): Asked {
  const fields = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  const { input, dimensions, encoding_format: encoding, model: _model, user: _user, ...own } = fields;
  const texts = typeof input === "string" ? [input] : asArray(input);
  if (texts.length === 0 || !texts.every((text) => typeof text === "string")) {
    throw new GatewayError("invalid_request", "Bedrock embeds text: 'input' must be a text or a list of texts", {
      param: "input",
    });
  }
  return { texts: texts as readonly string[], dimensions: asNumber(dimensions), encoding, own };
}
