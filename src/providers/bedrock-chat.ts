import { METRICS } from "../formats/bedrock-invoke/metrics.ts";
import type { FormatId } from "../formats/conversation.ts";
import { asObject, type JsonObject, parseJson } from "../json/json.ts";
import { bedrockCall, invokeUrl, modelUrl } from "./bedrock-address.ts";
import { INVOKE_CLAUDE, MANTLE_CLAUDE } from "./bedrock-claude.ts";
import type { BedrockModel } from "./bedrock-model.ts";
import { INVOKE_OPENAI, RUNTIME_OPENAI } from "./bedrock-openai.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html (2026-11-24) */
export const CONVERSE: Endpoint = {
  format: "bedrock-converse",
  path: (call) => modelUrl(call, call.stream ? "converse-stream" : "converse"),
  framing: "aws-event-stream",
  parameters: { keepCacheControl: true },
};

/** Nova over InvokeModel: Converse's body and answer with a version in front and other names for the cache's counts. */
const INVOKE_NOVA: Endpoint = {
  format: "bedrock-converse",
  path: invokeUrl,
  framing: "aws-event-stream",
  parameters: {
    keepCacheControl: true,
    custom: (body) => {
      body.schemaVersion ??= "messages-v1";
    },
  },
  normaliseResponse: converseUsage,
  normaliseFrame: converseUsage,
  frameMarks: ["InputTokenCount"],
};

function converseUsage(body: JsonObject): JsonObject {
  const usage = asObject(body.usage);
  if (usage === undefined) return body;
  const { cacheReadInputTokenCount: read, cacheWriteInputTokenCount: write, ...rest } = usage;
  if (read === undefined && write === undefined) return body;
  return {
    ...body,
    usage: {
      ...rest,
      ...(read === undefined ? {} : { cacheReadInputTokens: read }),
      ...(write === undefined ? {} : { cacheWriteInputTokens: write }),
    },
  };
}

function invokeText(format: FormatId, streams = true): Endpoint {
  return {
    format,
    path: invokeUrl,
    framing: "aws-event-stream",
    exchange: withCounts,
    ...(streams ? {} : { streams }),
  };
}

const INVOKE_TITAN = invokeText("bedrock-titan");
const INVOKE_LLAMA = invokeText("bedrock-llama");
const INVOKE_MISTRAL = invokeText("bedrock-mistral");
const INVOKE_COHERE = invokeText("bedrock-cohere");
const INVOKE_AI21 = invokeText("bedrock-ai21", false);

/** Some bodies hold no counts: the headers do, and the body is all that a format reads. */
async function withCounts(request: OutboundRequest, send: Send): Promise<Response> {
  const response = await send(request);
  const input = response.headers.get("x-amzn-bedrock-input-token-count");
  const output = response.headers.get("x-amzn-bedrock-output-token-count");
  if (!response.ok || input === null || response.headers.get("content-type")?.includes("json") !== true) {
    return response;
  }
  const body = asObject(parseJson(await response.text())) ?? {};
  const counts = { inputTokenCount: Number(input), outputTokenCount: Number(output ?? 0) };
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return Response.json({ ...body, [METRICS]: counts }, { headers });
}

export const BEDROCK_CHAT: readonly Endpoint[] = [
  CONVERSE,
  INVOKE_CLAUDE,
  INVOKE_NOVA,
  INVOKE_TITAN,
  INVOKE_LLAMA,
  INVOKE_MISTRAL,
  INVOKE_COHERE,
  INVOKE_AI21,
  RUNTIME_OPENAI,
  INVOKE_OPENAI,
  MANTLE_CLAUDE,
];

/**
 * Models that Converse does not serve, or only without system text and history
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html, 2026-11-24).
 */
const WITHOUT_CONVERSE =
  /^(amazon\.titan|ai21\.j2|cohere\.command-(?:light-)?text|meta\.llama2|mistral\.(?:mistral-7b|mixtral))/;

/** The endpoint of a conversation: the forced route, else Claude's own for Anthropic's clients, else Converse. */
export function bedrockChatEndpoint(
  client: FormatId,
  call: Call,
  preferred: "chat" | "responses" | undefined,
): Endpoint {
  const { model } = bedrockCall(call);
  switch (model.route) {
    case "converse":
      return CONVERSE;
    case "invoke":
      return invokeEndpoint(model);
    case "mantle":
      return MANTLE_CLAUDE;
    default:
      break;
  }
  // Bytes pass through, and with them everything that Converse has no word for.
  if (model.maker === "anthropic" && client === "anthropic-messages") return INVOKE_CLAUDE;
  if (model.maker === "openai" && preferred === "chat") return RUNTIME_OPENAI;
  return WITHOUT_CONVERSE.test(model.bare) || isImported(model) ? invokeEndpoint(model) : CONVERSE;
}

/** Imported models are called in the form of the family that stands before their ARN. */
function isImported(model: BedrockModel): boolean {
  return model.id.includes(":imported-model/") && model.maker !== "";
}

function invokeEndpoint(model: BedrockModel): Endpoint {
  switch (model.maker) {
    case "anthropic":
      return INVOKE_CLAUDE;
    case "nova":
      return INVOKE_NOVA;
    case "titan":
    case "amazon":
      return INVOKE_TITAN;
    case "meta":
    case "deepseek-r1":
    case "qwen2":
    case "qwen3":
      return INVOKE_LLAMA;
    case "mistral":
      return /mistral-7b|mixtral|mistral-(?:large|small)-2402/.test(model.bare) ? INVOKE_MISTRAL : INVOKE_OPENAI;
    case "cohere":
      return INVOKE_COHERE;
    case "ai21":
      return model.bare.includes("jamba") ? INVOKE_OPENAI : INVOKE_AI21;
    case "deepseek":
      return model.bare.includes(".r1") ? INVOKE_LLAMA : INVOKE_OPENAI;
    default:
      return INVOKE_OPENAI;
  }
}
