import { isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { fitBudget } from "../anthropic-messages/thinking.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { encodeMessages } from "./messages-encode.ts";
import { modelTraits } from "./model-traits.ts";
import { encodeSampling } from "./parameters-encode.ts";
import { encodeReasoning } from "./reasoning-encode.ts";
import { encodeToolConfig } from "./tools-encode.ts";
import { FORMAT } from "./types.ts";

/** Top-level fields of Converse that an OpenAI client may name; other fields are the model's own. */
const TOP_LEVEL = new Set([
  "additionalModelResponseFieldPaths",
  "guardrailConfig",
  "outputConfig",
  "performanceConfig",
  "promptVariables",
  "requestMetadata",
  "serviceTier",
]);
/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ServiceTier.html (2026-11) */
const TIERS = new Set(["priority", "default", "flex", "reserved"]);

/** Conversation → Converse. The model and whether to stream stand in the URL. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const traits = modelTraits(context.model);
  const { system, messages } = encodeMessages(request, traits, context);
  const reasoning = encodeReasoning(request, traits, context);
  const sampling = encodeSampling(request, traits, reasoning.thinking, context);
  const thinking = fitBudget(reasoning.thinking, sampling.maxTokens ?? Number.POSITIVE_INFINITY, context);

  const additional: MutableJsonObject = { ...reasoning.additional, ...sampling.additional };
  if (thinking.thinking !== undefined) additional.thinking = thinking.thinking;
  if (thinking.effort !== undefined) {
    additional.output_config = { effort: thinking.effort };
    if (/opus-4-5/.test(context.model)) additional.anthropic_beta = ["effort-2025-11-24"];
  }
  const body: MutableJsonObject = { messages };
  if (system.length > 0) body.system = system;
  if (Object.keys(sampling.inferenceConfig).length > 0) body.inferenceConfig = sampling.inferenceConfig;
  encodeToolConfig(body, additional, request, traits, thinking, context);
  const tier = request.serviceTier;
  if (tier !== undefined && TIERS.has(tier)) body.serviceTier = { type: tier };
  else if (tier !== undefined && tier !== "auto")
    context.report.unsupported("service_tier", `Bedrock has no tier ${tier}`);
  reportInexpressible(request, FORMAT, EXPRESSIBLE, context.report);
  addExtensions(body, additional, request, context);
  if (Object.keys(additional).length > 0) body.additionalModelRequestFields = additional;
  return body;
}

function addExtensions(
  body: MutableJsonObject,
  additional: MutableJsonObject,
  request: ConversationRequest,
  context: RequestContext,
): void {
  const extensions = request.extensions;
  for (const [name, value] of Object.entries(extensions?.fields ?? {})) {
    if (name === "additionalModelRequestFields" && isObject(value)) Object.assign(additional, value);
    else if (extensions?.format === FORMAT || (extensions?.format === "openai-chat" && TOP_LEVEL.has(name))) {
      body[name] = value;
    } else if (extensions?.format === "openai-chat") additional[name] ??= value;
    else context.report.dropped(name, `a parameter that only ${extensions?.format} knows`);
  }
}
