import { asArray, asString, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { anthropicBetas } from "./anthropic-betas.ts";
import { bedrockCall, bedrockUrl, invokeUrl } from "./bedrock-address.ts";
import { exceptionFrame } from "./bedrock-exceptions.ts";
import type { Call, Endpoint, OutboundRequest } from "./provider.ts";

/**
 * The betas that Bedrock knows; it refuses all others.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html (2026-11-24)
 */
const BETAS: ReadonlySet<string> = new Set([
  "computer-use-2024-10-22",
  "computer-use-2025-01-24",
  "computer-use-2025-11-24",
  "token-efficient-tools-2025-02-19",
  "output-128k-2025-02-19",
  "dev-full-thinking-2025-05-14",
  "interleaved-thinking-2025-05-14",
  "fine-grained-tool-streaming-2025-05-14",
  "context-1m-2025-08-07",
  "context-management-2025-06-27",
  "effort-2025-11-24",
  "tool-search-tool-2025-10-19",
  "tool-examples-2025-10-29",
  "compact-2026-01-12",
]);

/** Anthropic's own name → Bedrock's. */
const RENAMED: Readonly<Record<string, readonly string[]>> = {
  "advanced-tool-use-2025-11-20": ["tool-search-tool-2025-10-19", "tool-examples-2025-10-29"],
};

/** Claude over InvokeModel: Anthropic's body without `model` and `stream`, with version and betas in it. */
export const INVOKE_CLAUDE: Endpoint = {
  format: "anthropic-messages",
  path: invokeUrl,
  framing: "aws-event-stream",
  parameters: { keepCacheControl: true, custom: claudeBody },
  normaliseFrame: exceptionFrame,
  frameMarks: ['"__type":'],
};

/**
 * Claude behind Bedrock's newer host, which speaks Anthropic Messages with server-sent events
 * (https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html, 2026-11-24).
 */
export const MANTLE_CLAUDE: Endpoint = {
  format: "anthropic-messages",
  path: (call) => bedrockUrl(call, "bedrock-mantle", "/anthropic/v1/messages"),
  headers: { "anthropic-version": "2023-06-01" },
  parameters: {
    keepCacheControl: true,
    custom: (body, call) => {
      body.model = bedrockCall(call).id;
    },
  },
};

/** What InvokeModel's body has differently. */
export function claudeBody(body: MutableJsonObject, call: Call): void {
  delete body.model;
  delete body.stream;
  body.anthropic_version ??= "bedrock-2023-05-31";
  const given = asArray(body.anthropic_beta).filter((beta) => typeof beta === "string");
  const betas = knownBetas([...given, ...anthropicBetas(body, call.model)], call);
  if (betas.length > 0) body.anthropic_beta = betas;
  else delete body.anthropic_beta;
}

function knownBetas(betas: readonly string[], call: Call): string[] {
  const known = new Set<string>();
  for (const beta of betas.flatMap((name) => RENAMED[name] ?? [name])) {
    if (BETAS.has(beta)) known.add(beta);
    else call.report.dropped(`anthropic_beta: ${beta}`, "Bedrock does not know this beta");
  }
  return [...known];
}

/** A client's `anthropic-beta` header moves into the body, where Bedrock reads it. */
export function betaHeaderIntoBody(request: OutboundRequest, call: Call): OutboundRequest {
  const { "anthropic-beta": header, "anthropic-version": _, ...headers } = request.headers;
  if (header === undefined || typeof request.body !== "string") return { ...request, headers };
  const body: MutableJsonObject = { ...(JSON.parse(request.body) as JsonObject) };
  const named = header.split(",").map((beta) => beta.trim());
  const held = asArray(body.anthropic_beta).flatMap((beta) => asString(beta) ?? []);
  const betas = knownBetas([...held, ...named], call);
  if (betas.length > 0) body.anthropic_beta = betas;
  return { ...request, headers, body: JSON.stringify(body) };
}
