import { asArray, asNumber, asObject, asString, type Json, type JsonObject, parseJson } from "../../src/json/json.ts";
import type { Wire } from "./recordings.ts";

/**
 * What a caller cares about in an answer, whatever its wire format. Read here from the JSON alone, apart from the
 * gateway's own decoders, whose results it is held against.
 */
export interface Answer {
  /** Visible text, choice by choice. */
  readonly texts: readonly string[];
  readonly calls: readonly { readonly name: string; readonly arguments: Json }[];
  /** OpenAI's word, choice by choice. */
  readonly finish: readonly string[];
  /** Totals, cached and reasoning tokens included; undefined where the provider said nothing. */
  readonly usage: { readonly input: number; readonly output: number } | undefined;
}

/** Gathers an answer from documents in any order that a stream may have. */
class Draft {
  readonly #texts = new Map<number, string>();
  readonly #finish = new Map<number, string>();
  readonly #calls = new Map<string, { name: string; text: string }>();
  usage: { input: number; output: number } | undefined;

  text(choice: number, piece: Json | undefined): void {
    this.#texts.set(choice, (this.#texts.get(choice) ?? "") + (asString(piece) ?? ""));
  }

  finish(choice: number, word: string | undefined): void {
    if (word !== undefined && word !== "") this.#finish.set(choice, word);
  }

  /** A call or a piece of one; pieces share their key. An object replaces what was there. */
  call(key: string, name: Json | undefined, args: Json | undefined): void {
    const call = this.#calls.get(key) ?? { name: "", text: "" };
    if (call.name === "") call.name = asString(name) ?? "";
    if (typeof args === "string") call.text += args;
    else if (args !== undefined && args !== null && (call.text === "" || Object.keys(args).length > 0)) {
      call.text = JSON.stringify(args);
    }
    this.#calls.set(key, call);
  }

  get nextCall(): string {
    return String(this.#calls.size);
  }

  count(input: Json | undefined, output: Json | undefined): void {
    if (asNumber(input) !== undefined || asNumber(output) !== undefined) {
      this.usage = { input: asNumber(input) ?? 0, output: asNumber(output) ?? 0 };
    }
  }

  done(): Answer {
    const inOrder = (map: Map<number, string>): string[] =>
      [...map].sort(([a], [b]) => a - b).map(([, value]) => value);
    return {
      texts: inOrder(this.#texts),
      calls: [...this.#calls.values()].map(({ name, text }) => ({
        name,
        arguments: text.trim() === "" ? {} : (parseJson(text) ?? text),
      })),
      finish: inOrder(this.#finish),
      usage: this.usage,
    };
  }
}

/** Reads an answer: one document, or the events of a stream. */
export function readAnswer(
  wire: Wire,
  documents: readonly JsonObject[],
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const draft = new Draft();
  for (const document of documents) READERS[wire](draft, document);
  const input = headers["x-amzn-bedrock-input-token-count"];
  if (draft.usage === undefined && input !== undefined) {
    draft.count(Number(input), Number(headers["x-amzn-bedrock-output-token-count"]));
  }
  return draft.done();
}

/** The text of a string or of the text parts in a list. */
function textOf(content: Json | undefined): string {
  if (typeof content === "string") return content;
  // Cloudflare does not write its JSON answers out.
  if (asObject(content) !== undefined) return JSON.stringify(content);
  return asArray(content)
    .map((part) => asObject(part))
    .map((part) => asString(part?.text) ?? asString(part?.refusal) ?? "")
    .join("");
}

const sum = (...counts: readonly (Json | undefined)[]): number =>
  counts.reduce<number>((total, count) => total + (asNumber(count) ?? 0), 0);

function readChat(draft: Draft, document: JsonObject): void {
  for (const value of asArray(document.choices)) {
    const choice = asObject(value) ?? {};
    const index = asNumber(choice.index) ?? 0;
    // Perplexity's chunks hold the message so far beside what is new in it.
    const message = asObject(document.object === "chat.completion" ? choice.message : choice.delta) ?? either(choice);
    draft.text(index, textOf(message.content) || textOf(message.refusal));
    draft.finish(index, CHAT_FINISH[asString(choice.finish_reason) ?? ""] ?? asString(choice.finish_reason));
    asArray(message.tool_calls).forEach((item, at) => {
      const call = asObject(item) ?? {};
      const called = asObject(call.function) ?? asObject(call.custom) ?? {};
      const position = choice.delta !== undefined ? (asNumber(call.index) ?? draft.nextCall) : at;
      draft.call(`${index}/${position}`, called.name, called.arguments ?? called.input);
    });
    const old = asObject(message.function_call);
    if (old !== undefined && !isEmpty(old)) draft.call(`${index}/function`, old.name, old.arguments);
  }
  const usage = asObject(document.usage) ?? asObject(asObject(document.x_groq)?.usage);
  if (usage !== undefined) draft.count(usage.prompt_tokens, usage.completion_tokens);
}

function either(choice: JsonObject): JsonObject {
  return asObject(choice.delta) ?? asObject(choice.message) ?? {};
}

/** Snowflake sends every member that there can be, empty where there is nothing to say. */
function isEmpty(call: JsonObject): boolean {
  return call.name === "" && call.arguments === "";
}

/** Words that OpenAI does not have or has given up. */
const CHAT_FINISH: Readonly<Record<string, string>> = {
  function_call: "tool_calls",
  model_length: "length",
  end_turn: "stop",
  tool_use: "tool_calls",
  eos: "stop",
  max_tokens: "length",
};

const MESSAGES_FINISH: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  pause_turn: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

function readMessages(draft: Draft, document: JsonObject): void {
  const message = asObject(document.message) ?? (document.content === undefined ? undefined : document);
  asArray(message?.content).forEach((block, at) => {
    readBlock(draft, asObject(block) ?? {}, at);
  });
  if (document.type === "content_block_start") {
    readBlock(draft, asObject(document.content_block) ?? {}, asNumber(document.index) ?? 0);
  }
  const delta = asObject(document.delta) ?? {};
  if (delta.type === "text_delta") draft.text(0, delta.text);
  if (delta.type === "input_json_delta" && draftedCalls.get(draft)?.has(Number(document.index))) {
    draft.call(String(document.index), undefined, delta.partial_json);
  }
  const reason = asString(delta.stop_reason) ?? asString(message?.stop_reason);
  if (reason !== undefined) draft.finish(0, MESSAGES_FINISH[reason] ?? reason);
  const usage = asObject(document.usage) ?? asObject(message?.usage);
  if (usage !== undefined) {
    const input = sum(usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens);
    draft.count(Math.max(input, draft.usage?.input ?? 0), usage.output_tokens);
  }
}

/** The blocks of a stream that are calls of the caller's own tools; a server tool's input is none of its business. */
const draftedCalls = new WeakMap<Draft, Set<number>>();

function readBlock(draft: Draft, block: JsonObject, at: number): void {
  if (block.type === "text") draft.text(0, block.text);
  if (block.type !== "tool_use") return;
  draftedCalls.set(draft, (draftedCalls.get(draft) ?? new Set()).add(at));
  const input = asObject(block.input) ?? {};
  draft.call(String(at), block.name, Object.keys(input).length === 0 ? undefined : input);
}

function readResponses(draft: Draft, document: JsonObject): void {
  const response = document.object === "response" ? document : asObject(document.response);
  if (document.type === "response.output_text.delta" || document.type === "response.refusal.delta") {
    draft.text(0, document.delta);
    streamedText.add(draft);
  }
  const done = document.type === "response.output_item.done" ? [document.item ?? null] : [];
  const whole = document.object === "response" ? asArray(document.output) : done;
  let called = false;
  for (const value of whole) {
    const item = asObject(value) ?? {};
    if (item.type === "message" && !streamedText.has(draft)) draft.text(0, textOf(item.content));
    if (item.type === "function_call" || item.type === "custom_tool_call") {
      draft.call(draft.nextCall, item.name, item.arguments ?? item.input);
      called = true;
    }
  }
  if (called) callers.add(draft);
  if (response === undefined) return;
  const details = asObject(response.incomplete_details);
  if (response.status === "completed") draft.finish(0, callers.has(draft) ? "tool_calls" : "stop");
  if (response.status === "incomplete") {
    draft.finish(0, details?.reason === "content_filter" ? "content_filter" : "length");
  }
  const usage = asObject(response.usage);
  if (usage !== undefined) draft.count(usage.input_tokens, usage.output_tokens);
}

const streamedText = new WeakSet<Draft>();
const callers = new WeakSet<Draft>();

const GENAI_FINISH: Readonly<Record<string, string>> = { STOP: "stop", MAX_TOKENS: "length" };

function readGenai(draft: Draft, document: JsonObject): void {
  for (const value of asArray(document.candidates)) {
    const candidate = asObject(value) ?? {};
    const index = asNumber(candidate.index) ?? 0;
    for (const item of asArray(asObject(candidate.content)?.parts)) {
      const part = asObject(item) ?? {};
      const call = asObject(part.functionCall);
      if (call !== undefined) {
        draft.call(draft.nextCall, call.name, call.args);
        callers.add(draft);
      } else if (part.thought !== true) draft.text(index, part.text);
    }
    const reason = asString(candidate.finishReason);
    if (reason !== undefined) {
      const word = GENAI_FINISH[reason] ?? "content_filter";
      draft.finish(index, word === "stop" && callers.has(draft) ? "tool_calls" : word);
    }
  }
  const usage = asObject(document.usageMetadata);
  if (usage !== undefined) {
    draft.count(
      sum(usage.promptTokenCount, usage.toolUsePromptTokenCount),
      sum(usage.candidatesTokenCount, usage.thoughtsTokenCount),
    );
  }
}

const CONVERSE_FINISH: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  guardrail_intervened: "content_filter",
  content_filtered: "content_filter",
};

function readConverse(draft: Draft, document: JsonObject): void {
  const message = asObject(asObject(document.output)?.message);
  asArray(message?.content).forEach((item, at) => {
    const block = asObject(item) ?? {};
    const use = asObject(block.toolUse);
    if (use !== undefined) draft.call(String(at), use.name, use.input);
    else if (block.text !== undefined) draft.text(0, block.text);
  });
  const start = asObject(document.contentBlockStart);
  const started = asObject(asObject(start?.start)?.toolUse);
  // Calls of tools that run at the provider are not the caller's.
  const own = (use: JsonObject): boolean => use.type !== "server_tool_use";
  const calls = ownBlocks.get(draft) ?? new Set();
  ownBlocks.set(draft, calls);
  if (started !== undefined && own(started)) {
    calls.add(start?.contentBlockIndex);
    draft.call(String(start?.contentBlockIndex), started.name, undefined);
  }
  const grown = asObject(document.contentBlockDelta);
  const delta = asObject(grown?.delta) ?? {};
  if (delta.text !== undefined) draft.text(0, delta.text);
  const input = asObject(delta.toolUse)?.input;
  if (input !== undefined && calls.has(grown?.contentBlockIndex))
    draft.call(String(grown?.contentBlockIndex), undefined, input);
  const reason = asString(document.stopReason) ?? asString(asObject(document.messageStop)?.stopReason);
  if (reason !== undefined) draft.finish(0, CONVERSE_FINISH[reason] ?? reason);
  const usage = asObject(document.usage) ?? asObject(asObject(document.metadata)?.usage);
  if (usage !== undefined) {
    const cached = [
      usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount,
      usage.cacheWriteInputTokens ?? usage.cacheWriteInputTokenCount,
    ];
    draft.count(sum(usage.inputTokens, ...cached), usage.outputTokens);
  }
}

const ownBlocks = new WeakMap<Draft, Set<Json | undefined>>();

const INVOKE_FINISH: Readonly<Record<string, string>> = {
  stop: "stop",
  length: "length",
  FINISH: "stop",
  FINISHED: "stop",
  COMPLETE: "stop",
  MAX_TOKENS: "length",
  LENGTH: "length",
};

/** InvokeModel carries each model family's own language: Claude's, Nova's (as Converse), or one of prompts. */
function readInvoke(draft: Draft, document: JsonObject): void {
  if (document.type !== undefined && document.finish_reason === undefined) readMessages(draft, document);
  else if (document.choices !== undefined) readChat(draft, document);
  else {
    readConverse(draft, document);
    readPromptAnswer(draft, document);
  }
  const metrics = asObject(document["amazon-bedrock-invocationMetrics"]);
  if (metrics !== undefined && draft.usage === undefined)
    draft.count(metrics.inputTokenCount, metrics.outputTokenCount);
}

function readPromptAnswer(draft: Draft, document: JsonObject): void {
  const results = [document.results, document.outputs, document.generations].flatMap(asArray);
  for (const [at, value] of [document, ...results].entries()) {
    const result = asObject(value) ?? {};
    const choice = Math.max(at - 1, 0);
    const text = result.generation ?? result.outputText ?? result.text;
    if (asString(text) !== undefined) draft.text(choice, text);
    const reason = asString(result.stop_reason ?? result.completionReason ?? result.finish_reason);
    if (reason !== undefined) draft.finish(choice, INVOKE_FINISH[reason] ?? reason);
  }
  // In streams the prompt is counted in the first event, the answer in the last.
  const input = document.prompt_token_count ?? document.inputTextTokenCount ?? draft.usage?.input;
  const each = asArray(document.results).map((result) => asObject(result)?.tokenCount);
  const output = document.generation_token_count ?? document.totalOutputTextTokenCount ?? sum(...each);
  const counted = [document.inputTextTokenCount, document.prompt_token_count, document.generation_token_count];
  if (counted.some((count) => count !== undefined)) draft.count(input, output);
}

const COHERE_FINISH: Readonly<Record<string, string>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop",
  MAX_TOKENS: "length",
  TOOL_CALL: "tool_calls",
};

function readCohere(draft: Draft, document: JsonObject): void {
  const delta = asObject(document.delta) ?? {};
  const message = asObject(document.message) ?? asObject(delta.message) ?? {};
  const content = message.content;
  if (document.type === "content-start" || document.type === "content-delta") draft.text(0, asObject(content)?.text);
  else if (Array.isArray(content)) draft.text(0, textOf(content));
  const calls = message.tool_calls;
  const piece = asObject(calls);
  for (const [at, item] of asArray(calls).entries()) readCohereCall(draft, String(at), asObject(item));
  if (piece !== undefined) readCohereCall(draft, String(document.index), piece);
  const reason = asString(document.finish_reason) ?? asString(delta.finish_reason);
  if (reason !== undefined) draft.finish(0, COHERE_FINISH[reason] ?? reason);
  const usage = asObject(document.usage) ?? asObject(delta.usage);
  const tokens = asObject(usage?.tokens) ?? asObject(usage?.billed_units);
  if (tokens !== undefined) draft.count(tokens.input_tokens, tokens.output_tokens);
}

function readCohereCall(draft: Draft, key: string, call: JsonObject | undefined): void {
  const called = asObject(call?.function);
  draft.call(key, called?.name, called?.arguments);
}

function readOllama(draft: Draft, document: JsonObject): void {
  const message = asObject(document.message) ?? {};
  draft.text(0, message.content);
  for (const item of asArray(message.tool_calls)) {
    const called = asObject(asObject(item)?.function);
    draft.call(draft.nextCall, called?.name, called?.arguments);
    callers.add(draft);
  }
  if (document.done !== true) return;
  draft.finish(0, document.done_reason === "length" ? "length" : callers.has(draft) ? "tool_calls" : "stop");
  draft.count(document.prompt_eval_count, document.eval_count);
}

const READERS: Readonly<Record<Wire, (draft: Draft, document: JsonObject) => void>> = {
  chat: readChat,
  messages: readMessages,
  responses: readResponses,
  genai: readGenai,
  converse: readConverse,
  invoke: readInvoke,
  cohere: readCohere,
  ollama: readOllama,
};
