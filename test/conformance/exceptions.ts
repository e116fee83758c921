import { needsDownload } from "./client-request.ts";
import type { Recording } from "./recordings.ts";

/** A difference that is meant, or that no gateway can avoid. */
export interface Exception {
  /** Matches `provider--case`. */
  readonly cases: RegExp;
  /** Matches the finding's `what`. */
  readonly what: RegExp;
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    cases: /^azure_ai--/,
    what: /^path$/,
    reason:
      "models lie below /models on Azure's own hosts only; the replay's address is taken for a server with one model",
  },
  {
    cases: /^azure_ai--chat-completions-(cache-tool-result|json-schema-cache|parallel-tools-cache)$/,
    what: /^cost$/,
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
