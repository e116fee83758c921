import { GatewayError } from "../errors/gateway-error.ts";
import { asNumber, asObject, type JsonObject, type MutableJsonObject, parseJson } from "../json/json.ts";
import { bedrockCall, modelUrl } from "./bedrock-address.ts";
import { claudeBody } from "./bedrock-claude.ts";
import { signBedrock } from "./bedrock-sign.ts";
import type { Call, Endpoint, OutboundRequest, Send } from "./provider.ts";

/**
 * Anthropic's count over Bedrock's CountTokens, which takes the body of an InvokeModel call and knows models, not
 * inference profiles. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html (2026-11-24)
 */
export const BEDROCK_COUNT_TOKENS: Endpoint = {
  format: "anthropic-messages",
  path: (call) => modelUrl(call, "count-tokens", bedrockCall(call).model.bare),
  parameters: { keepCacheControl: true, custom: claudeBody },
  exchange: countTokens,
  streams: false,
};

async function countTokens(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const asked = asObject(typeof request.body === "string" ? parseJson(request.body) : undefined) ?? {};
  // InvokeModel's body is not valid without a maximum.
  const invoked: MutableJsonObject = { ...asked, max_tokens: asked.max_tokens ?? 1 };
  const body = JSON.stringify({ input: { invokeModel: { body: base64(JSON.stringify(invoked)) } } });
  const response = await send(await signBedrock({ ...request, body }, call, send));
  if (!response.ok) return response;
  const answer: JsonObject = asObject(parseJson(await response.text())) ?? {};
  const count = asNumber(answer.inputTokens);
  if (count === undefined) throw new GatewayError("bad_gateway", "Bedrock counted no tokens");
  return Response.json({ input_tokens: count });
}

function base64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
