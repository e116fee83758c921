import { needsDownload } from "./client-request.ts";
import type { Recording } from "./recordings.ts";

/** A difference that is meant, or that no gateway can avoid. */
export interface Exception {
  /** Matches `provider--case`. */
  readonly cases: RegExp;
  /** Matches the finding's `what`. */
  readonly what: RegExp;
  /** The clients that see it; absent: all. */
  readonly via?: RegExp;
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    cases:
      /^(bedrock--invoke-length-2|mistral--chat-completions-n-length-stream|writer--v1-chat-search-citations-n-stop)$/,
    what: /^(text|finish)$/,
    via: /^(messages|responses)$/,
    reason: "these formats have one answer: the first of several choices is told",
  },
  {
    cases: /^(deepseek|llamacpp)--.*-length-stream$/,
    what: /^calls$/,
    via: /^genai$/,
    reason:
      "arguments that the length limit broke off are no object, and a call of Google's has no other place for them",
  },
  {
    cases: /^groq--chat-completions-parallel-tools-stream$/,
    what: /^calls$/,
    via: /^genai$/,
    reason: "arguments are an object: `null` is none",
  },
  {
    cases: /^openai--.*-refusal-/,
    what: /^finish$/,
    via: /^messages$/,
    reason: "Anthropic's word for a refusal is `refusal`, OpenAI says `stop`",
  },
  {
    cases: /^azure_ai--/,
    what: /^path$/,
    reason:
      "models lie below /models on Azure's own hosts only; the replay's address is taken for a server with one model",
  },
  {
    cases: /^azure_ai--chat-completions-.*cache/,
    what: /^(cost|usage)$/,
    reason: "Grok on Azure reports more cached tokens than prompt tokens, so both are billed",
  },
  {
    cases: /^bedrock--converse-stream-document-in-stream$/,
    what: /^texts$/,
    reason: "Chat Completions has no text documents: the text travels as the bytes of a file",
  },
  {
    cases: /^cohere--v2-chat-image-in$/,
    what: /^(usage|cost)$/,
    reason: "`tokens` leaves the image out; `billed_units` counts it",
  },
  {
    cases: /^gemini--generate-content-tools-unused-reasoning-signature-2$/,
    what: /^texts$/,
    reason: "Chat Completions has no word for the result of a code execution",
  },
  {
    cases: /^groq--/,
    what: /^request\.n$/,
    reason: "Groq's rules leave `n` out whatever its value, and drop_params is on",
  },
  {
    cases: /^mistral--/,
    what: /^request\.tools$/,
    reason: "Mistral refuses some keywords of JSON schema, which are taken out",
  },
  {
    cases: /^mistral--chat-completions-choice-json-schema-tool-result-length$/,
    what: /^request\.messages$/,
    reason: "`prefix` is Mistral's alone and says nothing where it is false",
  },
  {
    cases: /^together_ai--chat-completions-status-401$/,
    what: /^request\.max_(completion_)?tokens$/,
    reason: "Together calls it max_tokens",
  },
];

/** Recordings that are not driven, each group with its reason. */
export const NOT_DRIVEN: readonly { readonly when: (recording: Recording) => boolean; readonly reason: string }[] = [
  { when: needsDownload, reason: "a part is named by URL, which the gateway would have to download" },
  {
    when: ({ path, status, streamed }) => path.endsWith(":streamGenerateContent") && status < 400 && !streamed,
    reason: "recorded as one JSON array, a form that the gateway never asks for",
  },
];
