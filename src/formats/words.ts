import type { Json } from "../json/json.ts";
import type { ConversationRequest, FilePart, Part, Reasoning, Tool } from "./conversation.ts";

/**
 * Everything that a conversation can say besides plain text, in the names of the parameter report: OpenAI's spelling
 * where it has one. What stands behind a colon tells values of one parameter apart.
 */
export const WORDS = [
  "messages.content",
  "messages.name",
  "messages:system-between-turns",
  "messages.cache_control",
  "messages.annotations",
  "messages.thought_signature",
  "messages.refusal",
  "messages.image:url",
  "messages.image:base64",
  "messages.image:file-id",
  "messages.image:text",
  "messages.image.detail",
  "messages.audio:url",
  "messages.audio:base64",
  "messages.audio:file-id",
  "messages.video:url",
  "messages.video:base64",
  "messages.video:file-id",
  "messages.file:url",
  "messages.file:base64",
  "messages.file:file-id",
  "messages.file:text",
  "messages.file.filename",
  "messages.file.context",
  "messages.file.citations",
  "messages.tool_calls",
  "messages.tool_calls:custom",
  "messages.tool_calls.id",
  "messages.tool_calls.thought_signature",
  "messages.tool_result",
  "messages.tool_result.media",
  "messages.tool_result.is_error",
  "messages.thinking",
  "messages.thinking:sealed",
  "messages.thinking:redacted",
  "tools:function",
  "tools.description",
  "tools.parameters",
  "tools.strict",
  "tools.cache_control",
  "tools:custom",
  "tools.format",
  "web_search_options",
  "web_search_options.search_context_size",
  "web_search_options.user_location",
  "web_search_options.allowed_domains",
  "web_search_options.blocked_domains",
  "web_search_options.max_uses",
  "tool_choice:auto",
  "tool_choice:none",
  "tool_choice:required",
  "tool_choice:tool",
  "tool_choice:allowed",
  "parallel_tool_calls",
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "seed",
  "stop",
  "max_tokens",
  "n",
  "presence_penalty",
  "frequency_penalty",
  "repetition_penalty",
  "logit_bias",
  "logprobs",
  "top_logprobs",
  "response_format:json",
  "response_format:json-schema",
  "response_format.name",
  "response_format.description",
  "response_format.strict",
  "reasoning_effort",
  "thinking.budget_tokens",
  "thinking",
  "thinking:off",
  "reasoning.summary",
  "verbosity",
  "stream",
  "modalities",
  "audio",
  "prediction",
  "user",
  "safety_identifier",
  "metadata",
  "store",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "previous_response_id",
  "safety_settings",
] as const;

export type Word = (typeof WORDS)[number];

/** Is told of each word that a request uses, with the value or the part that says it, as often as it stands there. */
export interface WordVisitor {
  word(word: Word, value: unknown): void;
  /** Members that only one format knows. */
  native(format: string, names: readonly string[]): void;
}

/** The parameter that a word belongs to. */
export function parameterOf(word: string): string {
  const colon = word.indexOf(":");
  return colon < 0 ? word : word.slice(0, colon);
}

/**
 * Visits the words of a request. A value that says nothing (a penalty of 0, one answer, a tier of `auto`, calls in
 * parallel, which is every provider's default) is no word.
 */
export function eachWord(request: ConversationRequest, visitor: WordVisitor): void {
  visitMessages(request, visitor);
  for (const tool of request.tools ?? []) visitTool(tool, visitor);
  if (request.toolChoice !== undefined) visitor.word(`tool_choice:${request.toolChoice.type}`, request.toolChoice);
  visitSampling(request, visitor);
  visitFormat(request, visitor);
  const { reasoning } = request;
  if (reasoning !== undefined) visitReasoning(reasoning, visitor);
  if (request.parallelToolCalls === false && mayCall(request)) visitor.word("parallel_tool_calls", false);
  if (request.stream === true) visitor.word("stream", true);
  if (request.modalities?.some((modality) => modality.toLowerCase() !== "text") === true) {
    visitor.word("modalities", request.modalities);
  }
  if (request.audioOutput !== undefined) visitor.word("audio", request.audioOutput);
  if (request.serviceTier !== undefined && request.serviceTier !== "auto") {
    visitor.word("service_tier", request.serviceTier);
  }
  if (request.store === true) visitor.word("store", true);
  for (const name in PLAIN) {
    const value = request[PLAIN[name as keyof typeof PLAIN]];
    if (value !== undefined) visitor.word(name as keyof typeof PLAIN, value);
  }
}

function mayCall({ tools = [], toolChoice }: ConversationRequest): boolean {
  return toolChoice?.type !== "none" && tools.some(({ type }) => type === "function" || type === "custom");
}

function visitReasoning(reasoning: Reasoning, visitor: WordVisitor): void {
  if (isOff(reasoning)) {
    // Thinking that is off has neither a measure nor anything to show.
    visitor.word("thinking:off", true);
    return;
  }
  const { effort, budgetTokens, mode, summary } = reasoning;
  if (effort !== undefined) visitor.word("reasoning_effort", effort);
  if (budgetTokens !== undefined) visitor.word("thinking.budget_tokens", budgetTokens);
  if (mode !== undefined) visitor.word("thinking", mode);
  if (summary !== undefined) visitor.word("reasoning.summary", summary);
}

function isOff({ effort, mode, budgetTokens }: Reasoning): boolean {
  return effort === "none" || effort === "disable" || mode === "disabled" || budgetTokens === 0;
}

const PLAIN = {
  verbosity: "verbosity",
  prediction: "prediction",
  user: "user",
  safety_identifier: "safetyIdentifier",
  metadata: "metadata",
  prompt_cache_key: "promptCacheKey",
  prompt_cache_retention: "promptCacheRetention",
  previous_response_id: "previousResponseId",
  safety_settings: "safetySettings",
} as const satisfies Partial<Record<Word, keyof ConversationRequest>>;

function visitMessages(request: ConversationRequest, visitor: WordVisitor): void {
  let spoken = false;
  for (const message of request.messages) {
    const system = message.role === "system" || message.role === "developer";
    if (system && spoken) visitor.word("messages:system-between-turns", true);
    if (!system) spoken = true;
    if (message.name !== undefined) visitor.word("messages.name", message.name);
    if (message.native !== undefined) visitNative(message.native, visitor);
    for (const part of message.parts) visitPart(part, visitor);
  }
}

function visitPart(part: Part, visitor: WordVisitor): void {
  if (part.cache !== undefined) visitor.word("messages.cache_control", part.cache);
  if (part.native !== undefined) visitNative(part.native, visitor);
  if ("sealed" in part && part.sealed !== undefined && (part.type === "text" || part.type === "image")) {
    visitor.word("messages.thought_signature", part.sealed);
  }
  switch (part.type) {
    case "text":
      visitor.word("messages.content", part.text);
      if (part.citations !== undefined && part.citations.length > 0) {
        visitor.word("messages.annotations", part.citations);
      }
      return;
    case "refusal":
      visitor.word("messages.refusal", part.text);
      return;
    case "thinking":
      visitThinking(part, visitor);
      return;
    case "image":
      visitor.word(`messages.image:${part.source.type}`, part.source);
      // `auto` is what every provider does unasked.
      if (part.detail !== undefined && part.detail !== "auto") visitor.word("messages.image.detail", part.detail);
      return;
    case "audio":
    case "video":
      if (part.source.type === "text") visitor.word("messages.content", part.source.text);
      else visitor.word(`messages.${part.type}:${part.source.type}`, part.source);
      return;
    case "file":
      visitFile(part, visitor);
      return;
    case "tool-call":
      visitor.word("messages.tool_calls.id", part.id);
      if (part.sealed !== undefined) visitor.word("messages.tool_calls.thought_signature", part.sealed);
      visitor.word(part.kind === "custom" ? "messages.tool_calls:custom" : "messages.tool_calls", part);
      return;
    case "tool-result":
      visitor.word("messages.tool_result", part);
      if (part.isError === true) visitor.word("messages.tool_result.is_error", part.callId);
      for (const item of part.content) {
        if (item.type === "text") {
          if (item.cache !== undefined) visitor.word("messages.cache_control", item.cache);
          continue;
        }
        if (!isText(item)) visitor.word("messages.tool_result.media", item.type);
        visitPart(item, visitor);
      }
      return;
    case "opaque":
      visitor.native(part.format, ["messages"]);
  }
}

function isText(part: Part): boolean {
  return "source" in part && part.source.type === "text";
}

function visitThinking(part: Extract<Part, { type: "thinking" }>, visitor: WordVisitor): void {
  if (part.redacted === true) visitor.word("messages.thinking:redacted", part);
  else visitor.word(part.sealed === undefined ? "messages.thinking" : "messages.thinking:sealed", part);
}

function visitFile(part: FilePart, visitor: WordVisitor): void {
  visitor.word(`messages.file:${part.source.type}`, part.source);
  if (part.filename !== undefined) visitor.word("messages.file.filename", part.filename);
  if (part.context !== undefined) visitor.word("messages.file.context", part.context);
  if (part.citationsEnabled === true) visitor.word("messages.file.citations", true);
}

function visitTool(tool: Tool, visitor: WordVisitor): void {
  switch (tool.type) {
    case "function":
      visitor.word("tools:function", tool.name);
      if (tool.description !== undefined) visitor.word("tools.description", tool.description);
      if (tool.parameters !== undefined) visitor.word("tools.parameters", tool.parameters);
      if (tool.strict === true) visitor.word("tools.strict", tool.name);
      if (tool.cache !== undefined) visitor.word("tools.cache_control", tool.cache);
      if (tool.native !== undefined) visitNative(tool.native, visitor);
      return;
    case "custom":
      visitor.word("tools:custom", tool.name);
      if (tool.description !== undefined) visitor.word("tools.description", tool.description);
      if (tool.inputFormat !== undefined) visitor.word("tools.format", tool.inputFormat);
      if (tool.native !== undefined) visitNative(tool.native, visitor);
      return;
    case "web-search":
      visitor.word("web_search_options", true);
      if (tool.contextSize !== undefined) visitor.word("web_search_options.search_context_size", tool.contextSize);
      if (tool.userLocation !== undefined) visitor.word("web_search_options.user_location", tool.userLocation);
      if (tool.allowedDomains !== undefined) visitor.word("web_search_options.allowed_domains", tool.allowedDomains);
      if (tool.blockedDomains !== undefined) visitor.word("web_search_options.blocked_domains", tool.blockedDomains);
      if (tool.maxUses !== undefined) visitor.word("web_search_options.max_uses", tool.maxUses);
      return;
    case "opaque":
      visitor.native(tool.format, ["tools"]);
  }
}

function visitSampling({ sampling }: ConversationRequest, visitor: WordVisitor): void {
  const say = (word: Word, value: Json | undefined, nothing?: number): void => {
    if (value !== undefined && value !== nothing) visitor.word(word, value);
  };
  say("temperature", sampling.temperature);
  say("top_p", sampling.topP);
  say("top_k", sampling.topK);
  say("min_p", sampling.minP, 0);
  say("seed", sampling.seed);
  if (sampling.stop !== undefined && sampling.stop.length > 0) visitor.word("stop", sampling.stop);
  say("max_tokens", sampling.maxOutputTokens);
  say("n", sampling.n, 1);
  say("presence_penalty", sampling.presencePenalty, 0);
  say("frequency_penalty", sampling.frequencyPenalty, 0);
  say("repetition_penalty", sampling.repetitionPenalty, 1);
  if (sampling.logitBias !== undefined && Object.keys(sampling.logitBias).length > 0) {
    visitor.word("logit_bias", sampling.logitBias);
  }
  if (sampling.logprobs !== true) return;
  visitor.word("logprobs", true);
  say("top_logprobs", sampling.topLogprobs, 0);
}

function visitFormat({ responseFormat }: ConversationRequest, visitor: WordVisitor): void {
  if (responseFormat?.type === "json") visitor.word("response_format:json", true);
  if (responseFormat?.type !== "json-schema") return;
  visitor.word("response_format:json-schema", responseFormat.schema);
  if (responseFormat.name !== undefined) visitor.word("response_format.name", responseFormat.name);
  if (responseFormat.description !== undefined) visitor.word("response_format.description", responseFormat.description);
  if (responseFormat.strict === true) visitor.word("response_format.strict", true);
}

/** What a format keeps of its own to find its way back, which is nothing that a caller said. */
const BOOKKEEPING = new Set([
  "id",
  "status",
  "item",
  "place",
  "custom",
  "type",
  "phase",
  "index",
  "role",
  "document",
  "provider_specific_fields",
]);

function visitNative(
  { format, value }: { readonly format: string; readonly value: object },
  visitor: WordVisitor,
): void {
  const names = Object.keys(value).filter((name) => !BOOKKEEPING.has(name));
  if (names.length > 0) visitor.native(format, names);
}
