import { asArray, asNumber, asObject, isObject, type Json, type JsonObject, parseJson } from "../json/json.ts";
import type { Target } from "../snapshot/snapshot.ts";
import { parseBase } from "./base-url.ts";
import { missingBase, readBase, readKey } from "./credentials.ts";
import { embeddingsAnswer } from "./embeddings-answer.ts";
import type { Call, ConfigureInput, ConfigureProblem, Endpoint, OutboundRequest, Provider, Send } from "./provider.ts";

const KEY_VARIABLES = ["TRITON_API_KEY"];
const BASE_VARIABLES = ["TRITON_API_BASE"];
const VERB = /\/(generate_stream|generate|infer|embeddings)$/;

/**
 * `api_base` is the server, or, as LiteLLM wants it, the address of one model's verb: `…/generate`, `…/infer`,
 * `…/embeddings`. `options.prefix` then is what stands before the verb.
 */
function configure(input: ConfigureInput): Target | ConfigureProblem {
  const written = readBase(input, BASE_VARIABLES);
  if (written === undefined) return missingBase("Triton", BASE_VARIABLES);
  const parsed = parseBase(written);
  if ("code" in parsed) return parsed;
  const key = readKey(input, KEY_VARIABLES);
  const verb = VERB.exec(parsed.path);
  return {
    base: verb === null ? parsed.base.replace(/\/v2$/, "") : parsed.base.slice(0, -verb[0].length),
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    credentials: {},
    options: verb === null ? {} : { verb: verb[1] ?? "" },
    ...(parsed.query === undefined ? {} : { query: parsed.query }),
  };
}

/** The model's address is the base itself where that named a verb. */
function modelPath({ target }: Call, verb: string): string {
  return target.options?.verb === undefined ? `/v2/models/{model}/${verb}` : `/${verb}`;
}

const CHAT: Endpoint = {
  format: "triton",
  path: (call) => {
    if (call.target.options?.verb === "infer") return modelPath(call, "infer");
    return modelPath(call, call.stream ? "generate_stream" : "generate");
  },
  exchange: (request, send, call) => send(call.target.options?.verb === "infer" ? asTensors(request) : request),
};

/** The same request for `/infer`, which takes tensors and does not stream. */
function asTensors(request: OutboundRequest): OutboundRequest {
  const body = bodyOf(request);
  const parameters = asObject(body.parameters) ?? {};
  const inputs = [
    tensor("text_input", body.text_input ?? ""),
    ...Object.entries(parameters).map(([name, value]) => tensor(name, value ?? "")),
  ];
  return { ...request, body: JSON.stringify({ inputs }) };
}

function tensor(name: string, value: Json): JsonObject {
  const data = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return { name, shape: [data.length], datatype: datatypeOf(data[0]), data };
}

function datatypeOf(value: Json | undefined): string {
  if (typeof value === "boolean") return "BOOL";
  if (typeof value === "number") return Number.isInteger(value) ? "INT32" : "FP32";
  return "BYTES";
}

function bodyOf(request: OutboundRequest): JsonObject {
  return asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
}

const EMBEDDINGS: Endpoint = {
  format: "triton",
  path: (call) =>
    call.target.options?.verb === "embeddings" ? modelPath(call, "embeddings") : modelPath(call, "infer"),
  exchange: embed,
};

/** One tensor of texts in, one of vectors out, all of them behind one another. */
async function embed(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = bodyOf(request);
  const texts = Array.isArray(asked.input) ? asked.input : [asked.input ?? ""];
  const response = await send({ ...request, body: JSON.stringify({ inputs: [tensor("input_text", texts)] }) });
  if (!response.ok) return response;
  const answer = asObject(parseJson(await response.text()));
  const output = asArray(answer?.outputs).filter(isObject)[0];
  const data = asArray(output?.data);
  const width = asNumber(asArray(output?.shape).at(-1)) ?? data.length / texts.length;
  const vectors = texts.map((_, index) => data.slice(index * width, (index + 1) * width));
  const { encoding_format: encoding } = asked;
  return Response.json(embeddingsAnswer({ model: call.model, vectors, encoding, tokens: undefined }));
}

export const triton: Provider = {
  id: "triton",
  label: "Triton",
  documentation: {
    url: "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_generate.html",
    read: "2026-11-24",
  },
  owner: "triton",
  environment: { key: KEY_VARIABLES, base: BASE_VARIABLES },
  key: "optional",
  endpoints: { chat: [CHAT], embeddings: [EMBEDDINGS] },
  configure,
};
