import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { FormatId } from "../../src/formats/conversation.ts";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import type { Call, Operation, OutboundRequest } from "../../src/providers/provider.ts";
import { selectEndpoint } from "../../src/providers/select-endpoint.ts";
import { callTo, configure, provider, target } from "./call.ts";

const EXCHANGES = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";
const KEYS = { aws_access_key_id: "AK", aws_secret_access_key: "SK" };
const US = { ...KEYS, aws_region_name: "us-east-1" };

interface Options {
  params?: JsonObject;
  environment?: Record<string, string>;
  operation?: Operation;
  client?: FormatId;
  stream?: boolean;
  preferred?: "chat" | "responses";
}

function callOf(model: string, options: Options = {}): Call {
  const { params = US, environment = {}, operation = "chat", stream = false } = options;
  return { ...callTo(model, { operation, target: target("bedrock", params, environment, model) }), stream };
}

function endpointOf(call: Call, options: Options = {}) {
  const found = selectEndpoint(
    provider("bedrock"),
    call.operation,
    options.client ?? "openai-chat",
    call,
    options.preferred,
  );
  if (found === undefined) throw new Error("no endpoint");
  return found;
}

function urlOf(model: string, options: Options = {}): string {
  const call = callOf(model, options);
  return endpointUrl(endpointOf(call, options), call);
}

const HOST = "https://bedrock-runtime.us-east-1.amazonaws.com";

describe("Bedrock's addresses", () => {
  test.each([
    ["anthropic.claude-v2:1", `${HOST}/model/anthropic.claude-v2%3A1/converse`],
    ["converse/us.amazon.nova-2-lite-v1:0", `${HOST}/model/us.amazon.nova-2-lite-v1%3A0/converse`],
    ["invoke/us.anthropic.claude-sonnet-4-6", `${HOST}/model/us.anthropic.claude-sonnet-4-6/invoke`],
    ["meta.llama2-13b-chat-v1", `${HOST}/model/meta.llama2-13b-chat-v1/invoke`],
    ["meta.llama3-70b-instruct-v1:0", `${HOST}/model/meta.llama3-70b-instruct-v1%3A0/converse`],
    [
      "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1",
      `${HOST}/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa1/converse`,
    ],
  ])("%s", (model, url) => {
    expect(urlOf(model)).toBe(url);
  });

  test("streams have their own verbs", () => {
    expect(urlOf("anthropic.claude-v2", { stream: true })).toEndWith("/converse-stream");
    expect(urlOf("invoke/anthropic.claude-v2", { stream: true })).toEndWith("/invoke-with-response-stream");
  });

  test("a region in the model's name or ARN is the call's, unless aws_region_name says another", () => {
    expect(urlOf("eu-west-3/anthropic.claude-v2", { params: KEYS })).toStartWith(
      "https://bedrock-runtime.eu-west-3.amazonaws.com/model/anthropic.claude-v2/",
    );
    expect(urlOf("eu-west-3/anthropic.claude-v2")).toStartWith(HOST);
    const wildcard = callTo("ap-south-1/anthropic.claude-v2", { target: target("bedrock", KEYS, {}, "*") });
    expect(endpointUrl(endpointOf(wildcard), wildcard)).toStartWith("https://bedrock-runtime.ap-south-1.");
  });

  test("China has its own domain", () => {
    const params = { ...KEYS, aws_region_name: "cn-north-1" };
    expect(urlOf("anthropic.claude-v2", { params })).toStartWith(
      "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/",
    );
  });

  test("a configured endpoint stands for the runtime, and for the agents as far as its name tells", () => {
    const params = {
      ...US,
      aws_bedrock_runtime_endpoint: "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/",
    };
    expect(urlOf("anthropic.claude-v2", { params })).toBe(
      "https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com/model/anthropic.claude-v2/converse",
    );
    const direct = { ...US, aws_bedrock_runtime_endpoint: HOST };
    expect(urlOf("amazon.rerank-v1:0", { params: direct, operation: "rerank" })).toBe(
      "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank",
    );
  });

  test("model_id stands in the address, the model's name tells the family", () => {
    const model_id = "arn:aws:bedrock:us-east-1:1:provisioned-model/p1";
    expect(urlOf("invoke/anthropic.claude-v2", { params: { ...US, model_id } })).toBe(
      `${HOST}/model/${encodeURIComponent(model_id)}/invoke`,
    );
  });
});

describe("Bedrock's routes", () => {
  const format = (model: string, options: Options = {}) => endpointOf(callOf(model, options), options).format;

  test.each<[string, FormatId]>([
    ["amazon.nova-pro-v1:0", "bedrock-converse"],
    ["mistral.mistral-large-2402-v1:0", "bedrock-converse"],
    ["invoke/amazon.nova-pro-v1:0", "bedrock-converse"],
    ["amazon.titan-text-express-v1", "bedrock-titan"],
    ["converse/amazon.titan-text-express-v1", "bedrock-converse"],
    ["invoke/mistral.mixtral-8x7b-instruct-v0:1", "bedrock-mistral"],
    ["invoke/mistral.mistral-large-2407-v1:0", "openai-chat"],
    ["cohere.command-light-text-v14", "bedrock-cohere"],
    ["cohere.command-r-v1:0", "bedrock-converse"],
    ["ai21.j2-ultra-v1", "bedrock-ai21"],
    ["invoke/ai21.jamba-1-5-mini-v1:0", "openai-chat"],
    ["llama/arn:aws:bedrock:us-east-1:1:imported-model/x", "bedrock-llama"],
    ["deepseek_r1/arn:aws:bedrock:us-east-1:1:imported-model/x", "bedrock-llama"],
    ["openai/arn:aws:bedrock:us-east-1:1:imported-model/x", "openai-chat"],
  ])("%s speaks %s", (model, expected) => {
    expect(format(model)).toBe(expected);
  });

  test("Anthropic's clients reach Claude in its own words, unless Converse is asked for", () => {
    const client = { client: "anthropic-messages" as const };
    expect(format("us.anthropic.claude-sonnet-4-6", client)).toBe("anthropic-messages");
    expect(format("converse/us.anthropic.claude-sonnet-4-6", client)).toBe("bedrock-converse");
    expect(format("amazon.nova-pro-v1:0", client)).toBe("bedrock-converse");
  });

  test("OpenAI's open models answer Chat Completions where that is preferred", () => {
    expect(urlOf("openai.gpt-oss-20b-1:0", { preferred: "chat" })).toBe(`${HOST}/openai/v1/chat/completions`);
    expect(format("openai.gpt-oss-20b-1:0")).toBe("bedrock-converse");
  });

  test("mantle serves Claude as Anthropic does", () => {
    expect(urlOf("mantle/anthropic.claude-haiku-5-5")).toBe(
      "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
    );
  });
});

describe("Bedrock's recorded addresses", () => {
  if (!existsSync(`${EXCHANGES}/bedrock`)) {
    test.skip("no recordings", () => {});
    return;
  }
  for (const file of readdirSync(`${EXCHANGES}/bedrock`)) {
    const exchange = JSON.parse(readFileSync(`${EXCHANGES}/bedrock/${file}`, "utf8"));
    const found = /^\/model\/([^/]+)\/(converse|converse-stream|invoke|invoke-with-response-stream)$/.exec(
      exchange.request.path,
    );
    if (found === null) continue;
    const id = decodeURIComponent(found[1] as string);
    const verb = found[2] as string;
    test(file, () => {
      const operation = /embed/.test(id) ? "embeddings" : /rerank/.test(id) ? "rerank" : "chat";
      const url = new URL(
        urlOf(`${verb.startsWith("converse") ? "converse" : "invoke"}/${id}`, {
          operation,
          stream: verb.includes("stream"),
        }),
      );
      // Recordings write the colon both ways; encoded it is right in every case.
      expect(url.pathname).toBe(`/model/${encodeURIComponent(id)}/${verb}`);
      if (typeof exchange.request.host === "string") expect(url.host).toBe(exchange.request.host);
    });
  }
});

/** Signs a request of a call. */
async function signed(call: Call, body: JsonObject, headers: Record<string, string> = {}) {
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(endpointOf(call), call),
    headers: { "content-type": "application/json", ...call.target.headers, ...headers },
    body: JSON.stringify(body),
  };
  const result = await provider("bedrock").sign?.(request, call, async () => new Response(null, { status: 500 }));
  if (result === undefined) throw new Error("not signed");
  return result;
}

describe("who calls Bedrock", () => {
  test("keys sign for the call's region", async () => {
    const { headers } = await signed(callOf("eu-west-3/anthropic.claude-v2", { params: KEYS }), {});
    expect(headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/eu-west-3\/bedrock\/aws4_request/);
  });

  test("an API key is a bearer token, and nothing is signed", async () => {
    for (const given of [
      { params: { api_key: "ABSK1" }, environment: {} },
      {
        params: {},
        environment: { AWS_BEARER_TOKEN_BEDROCK: "ABSK1", AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "y" },
      },
    ]) {
      const { headers } = await signed(callOf("anthropic.claude-v2", given), {});
      expect(headers.authorization).toBe("Bearer ABSK1");
      expect(headers).not.toHaveProperty("x-amz-date");
    }
  });

  test("the deployment's own keys are stronger than an API key in the environment", async () => {
    const { headers } = await signed(
      callOf("anthropic.claude-v2", { environment: { AWS_BEARER_TOKEN_BEDROCK: "ABSK1" } }),
      {},
    );
    expect(headers.authorization).toStartWith("AWS4-HMAC-SHA256 ");
  });

  test("mantle has its own service name", async () => {
    const { headers } = await signed(callOf("mantle/anthropic.claude-haiku-5-5"), {});
    expect(headers.authorization).toContain("/us-east-1/bedrock-mantle/aws4_request");
  });

  test("what cannot work is refused when it is configured", () => {
    expect(configure("bedrock", US, {}, "agent/A1/B2")).toMatchObject({ code: "invalid_value" });
    expect(configure("bedrock", { ...US, aws_bedrock_runtime_endpoint: "nonsense" })).toMatchObject({
      code: "invalid_value",
    });
    expect(configure("bedrock", { api_key: "k", aws_region_name: "x" })).toMatchObject({ key: "aws_region_name" });
  });
});

describe("Claude over InvokeModel", () => {
  const call = () => callOf("invoke/us.anthropic.claude-sonnet-4-6");

  test("the body has a version and no model, and only betas that Bedrock knows", () => {
    const asked = call();
    const body: JsonObject = {
      model: "m",
      stream: true,
      max_tokens: 5,
      messages: [],
      anthropic_beta: ["context-1m-2025-08-07", "claude-code-20250219"],
      tools: [{ type: "computer_20250124", name: "computer" }],
    };
    const changed = { ...body };
    endpointOf(asked).parameters?.custom?.(changed, asked);
    expect(changed).toEqual({
      max_tokens: 5,
      messages: [],
      tools: body.tools as never,
      anthropic_version: "bedrock-2023-05-31",
      anthropic_beta: ["context-1m-2025-08-07", "computer-use-2025-01-24"],
    });
    expect(asked.report.changes.map((change) => change.parameter)).toEqual(["anthropic_beta: claude-code-20250219"]);
  });

  test("a client's beta header moves into the body before that is signed", async () => {
    const result = await signed(
      call(),
      { messages: [], anthropic_beta: ["effort-2025-11-24"] },
      { "anthropic-beta": "interleaved-thinking-2025-05-14, oauth-2025-04-20", "anthropic-version": "2023-06-01" },
    );
    expect(result.headers).not.toHaveProperty("anthropic-beta");
    expect(result.headers).not.toHaveProperty("anthropic-version");
    expect(JSON.parse(String(result.body)).anthropic_beta).toEqual([
      "effort-2025-11-24",
      "interleaved-thinking-2025-05-14",
    ]);
  });
});

interface Recorded {
  readonly request: JsonObject;
  readonly body: JsonObject;
  readonly headers: Record<string, string>;
}

function recorded(name: string): Recorded | undefined {
  const path = `${EXCHANGES}/bedrock/${name}.json`;
  if (!existsSync(path)) return undefined;
  const { request, response } = JSON.parse(readFileSync(path, "utf8"));
  return { request: request.body, body: response.body, headers: response.headers };
}

/** Runs an operation's exchange against answers that a function gives, and shows what was sent. */
async function exchange(
  model: string,
  operation: Operation,
  asked: JsonObject,
  answer: (body: JsonObject) => Response,
) {
  const call = callOf(model, { operation });
  const endpoint = endpointOf(call);
  const sent: OutboundRequest[] = [];
  const request: OutboundRequest = {
    method: "POST",
    url: endpointUrl(endpoint, call),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, ...asked }),
  };
  const response = await endpoint.exchange?.(
    request,
    async (one) => {
      sent.push(one);
      return answer(asObject(parseJson(String(one.body))) ?? {});
    },
    call,
  );
  if (response === undefined) throw new Error("no exchange");
  return { sent, response, body: asObject(await response.json()) ?? {} };
}

describe("embeddings on Bedrock", () => {
  test.each([
    [
      "invoke-embedding-2",
      "amazon.titan-embed-text-v2:0",
      { input: "Ruby is a programmer's best friend", dimensions: 1024, normalize: true },
    ],
    [
      "invoke-embedding-3",
      "amazon.nova-2-multimodal-embeddings-v1:0",
      { input: ["Ruby is a programmer's best friend"], dimensions: 256 },
    ],
    ["invoke-embedding-4", "cohere.embed-english-v3", { input: ["Hello World!", "Goodbye cruel world!"], user: "me" }],
    ["invoke-embedding-5", "amazon.titan-embed-text-v1", { input: "Hello, world!" }],
    [
      "invoke-embedding",
      "cohere.embed-english-v3",
      { input: "Hello, world!", input_type: "search_query", truncate: "NONE" },
    ],
  ])("%s", async (name, model, asked) => {
    const exchanged = recorded(name);
    if (exchanged === undefined) return;
    const { sent, body } = await exchange(model, "embeddings", asked, () =>
      Response.json(exchanged.body, { headers: exchanged.headers }),
    );
    expect(sent.map((one) => parseJson(String(one.body)))).toEqual([exchanged.request]);
    expect(sent[0]?.headers.authorization).toStartWith("AWS4-HMAC-SHA256 ");
    const held = exchanged.body;
    const vectors = asArray(held.embeddings ?? [held.embedding ?? null]).map((one) => asObject(one)?.embedding ?? one);
    expect(asArray(body.data)).toEqual(vectors.map((embedding, index) => ({ object: "embedding", index, embedding })));
    const tokens = Number(exchanged.headers["x-amzn-bedrock-input-token-count"]);
    expect(body.usage).toEqual({ prompt_tokens: tokens, total_tokens: tokens });
  });

  test("Titan takes one text a call: vectors in order, tokens summed", async () => {
    const input = Array.from({ length: 11 }, (_, index) => `text ${index}`);
    const { sent, body } = await exchange("amazon.titan-embed-text-v2:0", "embeddings", { input }, (one) => {
      const number = Number(String(one.inputText).slice(5));
      return Response.json({ embedding: [number], inputTextTokenCount: number });
    });
    expect(sent).toHaveLength(11);
    expect(asArray(body.data).map((one) => asObject(one)?.embedding)).toEqual(input.map((_, index) => [index]));
    expect(body.usage).toEqual({ prompt_tokens: 55, total_tokens: 55 });
  });

  test("Cohere takes 96 texts a call", async () => {
    const input = Array.from({ length: 100 }, (_, index) => `${index}`);
    const { sent, body } = await exchange("cohere.embed-v4:0", "embeddings", { input }, (one) =>
      Response.json({ embeddings: { float: asArray(one.texts).map((text) => [Number(text)]) } }),
    );
    const sizes = sent.map((one) => asArray(asObject(parseJson(String(one.body)))?.texts).length);
    expect(sizes.sort((a, b) => a - b)).toEqual([4, 96]);
    expect(asArray(body.data).map((one) => asObject(one)?.embedding)).toEqual(input.map((text) => [Number(text)]));
  });

  test("base64 is little-endian 32-bit floats", async () => {
    const asked = { input: "x", encoding_format: "base64" };
    const { body } = await exchange("amazon.titan-embed-text-v1", "embeddings", asked, () =>
      Response.json({ embedding: [1, -2.5], inputTextTokenCount: 1 }),
    );
    const text = asString(asObject(asArray(body.data)[0])?.embedding) ?? "";
    expect([...new Float32Array(Uint8Array.from(Buffer.from(text, "base64")).buffer)]).toEqual([1, -2.5]);
  });

  test("a refusal passes as it is, and tokens or strange models are the caller's error", async () => {
    const refusal = () => Response.json({ message: "no" }, { status: 403 });
    const { response } = await exchange("amazon.titan-embed-text-v1", "embeddings", { input: "x" }, refusal);
    expect(response.status).toBe(403);
    expect(exchange("amazon.titan-embed-text-v1", "embeddings", { input: [1, 2] }, refusal)).rejects.toThrow("text");
    expect(exchange("meta.llama3-8b-instruct-v1:0", "embeddings", { input: "x" }, refusal)).rejects.toThrow("llama3");
  });
});

describe("ranking on Bedrock", () => {
  const query = "What is the capital of the United States?";

  test("over InvokeModel, as recorded", async () => {
    const exchanged = recorded("invoke-rerank");
    if (exchanged === undefined) return;
    const { documents, top_n } = exchanged.request;
    const asked = { query, documents, top_n } as JsonObject;
    const { sent, body } = await exchange("invoke/cohere.rerank-v3-5:0", "rerank", asked, () =>
      Response.json(exchanged.body, { headers: exchanged.headers }),
    );
    expect(parseJson(String(sent[0]?.body))).toEqual(exchanged.request);
    expect(body.results).toEqual(exchanged.body.results as never);
    expect(body.meta).toEqual({ billed_units: { search_units: 1 } });
  });

  test("over the agents' runtime", async () => {
    const asked = {
      query,
      documents: ["Carson City", { text: "Washington" }, { title: "x", n: 1 }],
      top_n: 9,
      return_documents: true,
    };
    const { sent, body } = await exchange("amazon.rerank-v1:0", "rerank", asked, () =>
      Response.json({
        results: [
          { index: 1, relevanceScore: 0.9 },
          { index: 0, relevanceScore: 0.1 },
        ],
      }),
    );
    expect(sent[0]?.url).toBe("https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank");
    expect(sent[0]?.headers.authorization).toContain("/us-east-1/bedrock/aws4_request");
    expect(parseJson(String(sent[0]?.body))).toEqual({
      queries: [{ type: "TEXT", textQuery: { text: query } }],
      sources: [
        { type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text: "Carson City" } } },
        { type: "INLINE", inlineDocumentSource: { type: "TEXT", textDocument: { text: "Washington" } } },
        { type: "INLINE", inlineDocumentSource: { type: "JSON", jsonDocument: { title: "x", n: 1 } } },
      ],
      rerankingConfiguration: {
        type: "BEDROCK_RERANKING_MODEL",
        bedrockRerankingConfiguration: {
          modelConfiguration: { modelArn: "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0" },
          numberOfResults: 3,
        },
      },
    });
    expect(body.results).toEqual([
      { index: 1, relevance_score: 0.9, document: { text: "Washington" } },
      { index: 0, relevance_score: 0.1, document: { text: "Carson City" } },
    ]);
  });
});

test("tokens are counted of the model behind a profile, for the body that would be invoked", async () => {
  const asked = { messages: [{ role: "user", content: "Grüße" }], anthropic_version: "bedrock-2023-05-31" };
  const { sent, body } = await exchange("us.anthropic.claude-sonnet-4-6", "count-tokens", asked, () =>
    Response.json({ inputTokens: 12 }),
  );
  expect(sent[0]?.url).toBe(`${HOST}/model/anthropic.claude-sonnet-4-6/count-tokens`);
  const wrapped = JSON.parse(String(sent[0]?.body)).input.invokeModel.body;
  expect(JSON.parse(Buffer.from(wrapped, "base64").toString())).toMatchObject({ ...asked, max_tokens: 1 });
  expect(body).toEqual({ input_tokens: 12 });
});
