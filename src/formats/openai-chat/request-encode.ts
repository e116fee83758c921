import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Tool, ToolChoice } from "../conversation.ts";
import { boundedUserId } from "../end-user-id.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import type { ParameterReport } from "../report.ts";
import { EXPRESSIBLE } from "./expressible.ts";
import { encodeMessages } from "./messages-encode.ts";

/** Conversation → a Chat Completions body. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { sampling, reasoning } = request;
  const { report } = context;
  const body: MutableJsonObject = { model: context.model, messages: encodeMessages(request.messages, context) };
  const put = (name: string, value: Json | undefined): void => {
    if (value !== undefined) body[name] = value;
  };
  encodeTools(request, body, report);
  put("tool_choice", encodeToolChoice(request.toolChoice, request.tools ?? []));
  put("parallel_tool_calls", request.parallelToolCalls);
  put("temperature", sampling.temperature);
  put("top_p", sampling.topP);
  put("top_k", sampling.topK);
  put("min_p", sampling.minP);
  put("seed", sampling.seed);
  put("stop", sampling.stop);
  put("max_tokens", sampling.maxOutputTokens);
  put("n", sampling.n);
  put("presence_penalty", sampling.presencePenalty);
  put("frequency_penalty", sampling.frequencyPenalty);
  put("repetition_penalty", sampling.repetitionPenalty);
  put("logit_bias", sampling.logitBias);
  put("logprobs", sampling.logprobs);
  put("top_logprobs", sampling.topLogprobs);
  put("response_format", encodeResponseFormat(request));
  put("reasoning_effort", effortOf(request, report));
  if (
    reasoning !== undefined &&
    reasoning.effort === undefined &&
    reasoning.mode === "enabled" &&
    reasoning.budgetTokens !== undefined
  ) {
    report.converted("thinking.budget_tokens", "Chat Completions takes an effort");
  }
  put("verbosity", request.verbosity);
  if (request.stream === true) {
    body.stream = true;
    body.stream_options = { include_usage: true };
  }
  put("modalities", request.modalities);
  if (request.audioOutput !== undefined)
    body.audio = { voice: request.audioOutput.voice, format: request.audioOutput.format };
  put("prediction", request.prediction);
  put("user", boundedUserId(request.user, report));
  put("safety_identifier", request.safetyIdentifier);
  put("store", request.store);
  put("service_tier", request.serviceTier);
  put("prompt_cache_key", request.promptCacheKey);
  put("prompt_cache_retention", request.promptCacheRetention);
  put("safety_settings", request.safetySettings);
  reportInexpressible(request, "openai-chat", EXPRESSIBLE, report);
  spreadExtensions(request, body, report);
  return body;
}

function encodeTools(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const tools: JsonObject[] = [];
  for (const tool of request.tools ?? []) {
    switch (tool.type) {
      case "function":
        tools.push({
          type: "function",
          function: {
            name: tool.name,
            ...(tool.description === undefined ? {} : { description: tool.description }),
            parameters: tool.parameters ?? { type: "object", properties: {} },
            ...(tool.strict === undefined ? {} : { strict: tool.strict }),
            ...(tool.native?.format === "openai-chat" ? tool.native.value : {}),
          },
          ...(tool.cache === undefined
            ? {}
            : {
                cache_control: { type: "ephemeral", ...(tool.cache.ttl === undefined ? {} : { ttl: tool.cache.ttl }) },
              }),
        });
        break;
      case "custom":
        tools.push({
          type: "custom",
          custom: {
            name: tool.name,
            ...(tool.description === undefined ? {} : { description: tool.description }),
            ...(tool.inputFormat === undefined ? {} : { format: tool.inputFormat }),
          },
        });
        break;
      case "web-search":
        body.web_search_options = {
          ...(tool.contextSize === undefined ? {} : { search_context_size: tool.contextSize }),
          ...(tool.userLocation === undefined ? {} : { user_location: nested(tool.userLocation) }),
        };
        break;
      case "opaque":
        if (tool.format === "openai-chat") tools.push(tool.value);
        else report.unsupported("tools", `a tool that only ${tool.format} knows`);
    }
  }
  if (tools.length > 0) body.tools = tools;
}

/** Chat Completions alone writes the place one level deeper. */
function nested({ type: _, ...place }: JsonObject): JsonObject {
  return { type: "approximate", approximate: place };
}

function encodeToolChoice(choice: ToolChoice | undefined, tools: readonly Tool[]): Json | undefined {
  if (choice === undefined) return undefined;
  switch (choice.type) {
    case "tool": {
      const custom =
        choice.kind === "custom" || tools.some((tool) => tool.type === "custom" && tool.name === choice.name);
      return custom
        ? { type: "custom", custom: { name: choice.name } }
        : { type: "function", function: { name: choice.name } };
    }
    case "allowed":
      return {
        type: "allowed_tools",
        allowed_tools: {
          mode: choice.mode,
          tools: choice.names.map((name) => ({ type: "function", function: { name } })),
        },
      };
    default:
      return choice.type;
  }
}

function encodeResponseFormat(request: ConversationRequest): JsonObject | undefined {
  const format = request.responseFormat;
  switch (format?.type) {
    case undefined:
      return undefined;
    case "text":
      return { type: "text" };
    case "json":
      return { type: "json_object" };
    case "json-schema":
      return {
        type: "json_schema",
        json_schema: {
          name: format.name ?? "response",
          ...(format.description === undefined ? {} : { description: format.description }),
          schema: format.schema,
          ...(format.strict === undefined ? {} : { strict: format.strict }),
        },
      };
  }
}

/** Budgets of tokens as the efforts that LiteLLM makes of them. */
function effortOf(request: ConversationRequest, report: ParameterReport): string | undefined {
  const { reasoning } = request;
  if (reasoning === undefined) return undefined;
  if (reasoning.effort !== undefined) return reasoning.effort;
  if (reasoning.mode === "disabled" || reasoning.budgetTokens === 0) {
    report.dropped("thinking", "no thinking is what comes without asking for it");
    return undefined;
  }
  const budget = reasoning.budgetTokens;
  if (budget === undefined) {
    if (reasoning.mode === undefined) return undefined;
    report.converted("thinking", "Chat Completions takes an effort: medium");
    return "medium";
  }
  if (budget < 2048) return "low";
  return budget < 8192 ? "medium" : "high";
}

function spreadExtensions(request: ConversationRequest, body: MutableJsonObject, report: ParameterReport): void {
  const { extensions } = request;
  if (extensions === undefined) return;
  for (const [name, value] of Object.entries(extensions.fields)) {
    if (extensions.format !== "openai-chat") report.dropped(name, `only ${extensions.format} knows it`);
    else if (value !== undefined && body[name] === undefined) body[name] = value;
  }
}
