/**
 * The neutral representation: a superset of what every wire format can say. A format decodes its wire form into these
 * types and encodes them back; two formats never know of each other.
 *
 * Rules: a field that the caller did not set is absent (never null); tool-call arguments are the JSON text as the model
 * wrote it, also when it is broken; media keeps the form in which it came.
 */
import type { Json, JsonObject } from "../json/json.ts";
import type { Usage } from "../usage/usage.ts";

/** A wire language. */
export type FormatId =
  | "openai-chat"
  | "openai-responses"
  | "openai-completions"
  | "anthropic-messages"
  | "gemini"
  | "bedrock-converse"
  | "cohere"
  | "ollama"
  | "replicate"
  | "huggingface-generate"
  | "watsonx-generate"
  | "bedrock-titan"
  | "bedrock-llama"
  | "bedrock-cohere"
  | "bedrock-mistral"
  | "bedrock-ai21"
  | "sagemaker-generate"
  | "triton"
  | "cohere-v1"
  | "oci"
  | "echo";

/** Who can open a sealed value: all platforms that serve Claude share `anthropic`, AI Studio and Vertex share `gemini`. */
export type SealOwner =
  | "anthropic"
  | "openai"
  | "gemini"
  | "bedrock"
  | "xai"
  | "openrouter"
  | "mistral"
  | "deepseek"
  | (string & {});

/**
 * A value that only its owner understands (a thinking signature, an encrypted reasoning item, a thought signature).
 * It returns unchanged to its owner and is left out, and reported, for everybody else.
 */
export interface Sealed {
  readonly owner: SealOwner;
  readonly value: string;
  /** What else the owner wants back beside the value: the id of a reasoning item, for instance. */
  readonly detail?: JsonObject;
}

/** Marks the end of a prefix that the provider should cache. */
export interface CacheMark {
  readonly ttl?: "5m" | "1h";
}

export type MediaSource =
  | { readonly type: "url"; readonly url: string; readonly mediaType?: string }
  /** `data` is base64 without a prefix. */
  | { readonly type: "base64"; readonly data: string; readonly mediaType: string }
  | { readonly type: "file-id"; readonly id: string; readonly mediaType?: string }
  | { readonly type: "text"; readonly text: string; readonly mediaType?: string };

export interface Citation {
  /** Where in the text part the citation lies, in UTF-16 units, when the provider says so. */
  readonly start?: number;
  readonly end?: number;
  readonly citedText?: string;
  readonly url?: string;
  readonly title?: string;
  /** The citation as its owner wrote it, for clients of the same format. */
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

interface PartBase {
  readonly cache?: CacheMark;
  /** Members of the part that this representation has no word for, kept for the same format. */
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

export interface TextPart extends PartBase {
  readonly type: "text";
  readonly text: string;
  readonly citations?: readonly Citation[];
  /** Gemini attaches thought signatures to text parts too. */
  readonly sealed?: Sealed;
}

export interface ImagePart extends PartBase {
  readonly type: "image";
  readonly source: MediaSource;
  readonly detail?: "auto" | "low" | "high" | (string & {});
  readonly sealed?: Sealed;
}

export interface AudioPart extends PartBase {
  readonly type: "audio";
  readonly source: MediaSource;
  /** `wav`, `mp3`, `pcm16` … */
  readonly format?: string;
  /** Of an audio answer: its id, expiry (seconds since the epoch) and transcript. */
  readonly id?: string;
  readonly expiresAt?: number;
  readonly transcript?: string;
}

export interface VideoPart extends PartBase {
  readonly type: "video";
  readonly source: MediaSource;
}

export interface FilePart extends PartBase {
  readonly type: "file";
  readonly source: MediaSource;
  readonly filename?: string;
  /** Anthropic documents: context sentence and whether citations are wanted. */
  readonly context?: string;
  readonly citationsEnabled?: boolean;
}

export interface ToolCallPart extends PartBase {
  readonly type: "tool-call";
  readonly id: string;
  readonly name: string;
  /** JSON text; for `custom` calls free text. */
  readonly arguments: string;
  readonly kind?: "function" | "custom";
  readonly sealed?: Sealed;
}

export interface ToolResultPart extends PartBase {
  readonly type: "tool-result";
  readonly callId: string;
  /** The function's name; decoders fill it from the earlier call when the wire form lacks it. */
  readonly name?: string;
  readonly content: readonly Part[];
  readonly isError?: boolean;
}

export interface ThinkingPart extends PartBase {
  readonly type: "thinking";
  /** Empty for a redacted block or an encrypted item without summary. */
  readonly text: string;
  /** The signature or encrypted content that the owner wants back with the text. */
  readonly sealed?: Sealed;
  /** True when the text is hidden and only the sealed value exists. */
  readonly redacted?: boolean;
}

export interface RefusalPart extends PartBase {
  readonly type: "refusal";
  readonly text: string;
}

/** A block that only one format knows (a server tool's call or result, a search result …), kept whole for that format. */
export interface OpaquePart extends PartBase {
  readonly type: "opaque";
  readonly format: FormatId;
  readonly value: JsonObject;
}

export type Part =
  | TextPart
  | ImagePart
  | AudioPart
  | VideoPart
  | FilePart
  | ToolCallPart
  | ToolResultPart
  | ThinkingPart
  | RefusalPart
  | OpaquePart;

export type Role = "system" | "developer" | "user" | "assistant" | "tool";

export interface Message {
  readonly role: Role;
  readonly parts: readonly Part[];
  /** The participant's name, where the format has one. */
  readonly name?: string;
  /** Members of the message that this representation has no word for, kept for the same format. */
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

export interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly description?: string;
  /** JSON Schema; absent when the caller gave none. */
  readonly parameters?: JsonObject;
  readonly strict?: boolean;
  readonly cache?: CacheMark;
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

/** A tool with free-text input (OpenAI `custom`), optionally under a grammar. */
export interface CustomTool {
  readonly type: "custom";
  readonly name: string;
  readonly description?: string;
  readonly inputFormat?: JsonObject;
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

/** Web search that the provider runs itself; every format has its own spelling of it. */
export interface WebSearchTool {
  readonly type: "web-search";
  readonly contextSize?: "low" | "medium" | "high";
  readonly userLocation?: JsonObject;
  readonly allowedDomains?: readonly string[];
  readonly blockedDomains?: readonly string[];
  readonly maxUses?: number;
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

/** A tool that only one format knows, kept whole for that format. */
export interface OpaqueTool {
  readonly type: "opaque";
  readonly format: FormatId;
  readonly value: JsonObject;
}

export type Tool = FunctionTool | CustomTool | WebSearchTool | OpaqueTool;

export type ToolChoice =
  | { readonly type: "auto" }
  | { readonly type: "none" }
  | { readonly type: "required" }
  | { readonly type: "tool"; readonly name: string; readonly kind?: "function" | "custom" }
  | { readonly type: "allowed"; readonly mode: "auto" | "required"; readonly names: readonly string[] };

export type ResponseFormat =
  | { readonly type: "text" }
  | { readonly type: "json" }
  | {
      readonly type: "json-schema";
      readonly name?: string;
      readonly description?: string;
      readonly schema: JsonObject;
      readonly strict?: boolean;
    };

export interface Reasoning {
  /** `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`. */
  readonly effort?: string;
  /** Tokens that the model may think; 0 switches thinking off. */
  readonly budgetTokens?: number;
  /** Explicitly on, off, or left to the model. */
  readonly mode?: "enabled" | "disabled" | "adaptive";
  /** `auto`, `concise`, `detailed`: how much of the thinking is shown. `none` hides it. */
  readonly summary?: string;
}

/** Names as in OpenAI's API, camel-cased; reports use OpenAI's own spelling. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly maxOutputTokens?: number;
  readonly n?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly repetitionPenalty?: number;
  readonly logitBias?: JsonObject;
  readonly logprobs?: boolean;
  readonly topLogprobs?: number;
}

/** Top-level fields that this representation has no word for. */
export interface Extensions {
  readonly format: FormatId;
  readonly fields: JsonObject;
}

export interface ConversationRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly sampling: Sampling;
  readonly responseFormat?: ResponseFormat;
  readonly reasoning?: Reasoning;
  readonly verbosity?: string;
  readonly stream?: boolean;
  /** The client asked for usage at the end of the stream. */
  readonly includeUsage?: boolean;
  /** `text`, `audio`, `image`. */
  readonly modalities?: readonly string[];
  readonly audioOutput?: { readonly voice: Json; readonly format: string };
  readonly prediction?: Json;
  readonly user?: string;
  readonly safetyIdentifier?: string;
  readonly metadata?: JsonObject;
  readonly store?: boolean;
  readonly serviceTier?: string;
  readonly promptCacheKey?: string;
  readonly promptCacheRetention?: string;
  readonly previousResponseId?: string;
  readonly safetySettings?: Json;
  readonly extensions?: Extensions;
}

export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter" | "pause" | "error";

export interface Choice {
  readonly index: number;
  readonly parts: readonly Part[];
  readonly finish: FinishReason;
  /** The provider's own word. */
  readonly rawFinish?: string;
  /** The stop sequence that ended the answer, when the provider says which. */
  readonly stopSequence?: string;
  /** OpenAI's `logprobs` object. */
  readonly logprobs?: Json;
  /** Members of the choice that this representation has no word for, kept for the same format. */
  readonly native?: { readonly format: FormatId; readonly value: JsonObject };
}

export interface ConversationResponse {
  readonly id?: string;
  /** Seconds since the epoch. */
  readonly created?: number;
  /** As the provider reports it. */
  readonly model?: string;
  readonly choices: readonly Choice[];
  readonly usage?: Usage;
  readonly systemFingerprint?: string;
  readonly serviceTier?: string;
  /** Top-level members that this representation has no word for (sources, citations, timings …). */
  readonly extensions?: Extensions;
}

/**
 * A streamed answer. `part` numbers parts within their choice from 0 in the order in which they start; deltas of
 * parallel parts may interleave. Every part that started is ended before `finish` of its choice.
 */
export type StreamEvent =
  | {
      readonly type: "start";
      readonly id?: string;
      readonly model?: string;
      readonly created?: number;
      readonly systemFingerprint?: string;
      readonly serviceTier?: string;
      /** Input usage that is known at the start (Anthropic); the final `usage` event supersedes it. */
      readonly usage?: Usage;
    }
  | {
      readonly type: "part-start";
      readonly choice: number;
      readonly part: number;
      readonly kind: "text" | "thinking" | "refusal";
      /** Thinking whose owner is going to sign this very text: it must come back letter by letter. */
      readonly signed?: true;
      /** As the part's `native`. */
      readonly native?: { readonly format: FormatId; readonly value: JsonObject };
    }
  | {
      readonly type: "part-start";
      readonly choice: number;
      readonly part: number;
      readonly kind: "tool-call";
      readonly id: string;
      readonly name: string;
      readonly toolKind?: "function" | "custom";
      /** As the part's `native`. */
      readonly native?: { readonly format: FormatId; readonly value: JsonObject };
    }
  /** Audio grows by `audio-delta`. */
  | {
      readonly type: "part-start";
      readonly choice: number;
      readonly part: number;
      readonly kind: "audio";
      readonly id?: string;
      readonly format?: string;
    }
  /** Text of a text, thinking or refusal part, or argument text of a tool call. */
  | { readonly type: "delta"; readonly choice: number; readonly part: number; readonly text: string }
  /** Base64 audio and a piece of its transcript. */
  | {
      readonly type: "audio-delta";
      readonly choice: number;
      readonly part: number;
      readonly data?: string;
      readonly transcript?: string;
      readonly expiresAt?: number;
    }
  /** The sealed value of the part (a signature), whole. */
  | { readonly type: "sealed"; readonly choice: number; readonly part: number; readonly sealed: Sealed }
  /** The owner sealed an ended part anew in the stream's last event: what a whole answer would have said. */
  | { readonly type: "resealed"; readonly choice: number; readonly part: number; readonly sealed: Sealed }
  | { readonly type: "citation"; readonly choice: number; readonly part: number; readonly citation: Citation }
  | { readonly type: "part-end"; readonly choice: number; readonly part: number }
  /** A part that arrives whole: image, file, redacted thinking, opaque block, tool result of a server tool. */
  | { readonly type: "part"; readonly choice: number; readonly part: number; readonly value: Part }
  /** Log probabilities for the choice's most recent text. */
  | { readonly type: "logprobs"; readonly choice: number; readonly logprobs: Json }
  | {
      readonly type: "finish";
      readonly choice: number;
      readonly reason: FinishReason;
      readonly raw?: string;
      readonly stopSequence?: string;
    }
  | { readonly type: "usage"; readonly usage: Usage }
  /** Top-level members of the answer that only the same format knows. */
  | { readonly type: "extensions"; readonly extensions: Extensions }
  | { readonly type: "ping" }
  | { readonly type: "error"; readonly error: import("../errors/gateway-error.ts").UpstreamFailure };

/** Whether the event is the first sign of content: before it, a failed attempt may still be replaced by another. */
export function isContent(event: StreamEvent): boolean {
  switch (event.type) {
    case "delta":
      return event.text.length > 0;
    case "audio-delta":
    case "part":
    case "finish":
    case "citation":
      return true;
    case "part-start":
      return event.kind === "tool-call" || event.kind === "audio";
    default:
      return false;
  }
}
