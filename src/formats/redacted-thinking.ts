import type { Sealed } from "./conversation.ts";

/*
 * Claude's hidden thinking is base64 text. Anthropic and Vertex give that text; Converse gives bytes, and so puts it
 * into base64 once more. Clients get what the provider gave, and each platform is given its own form of it, whichever
 * the other one was (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlock.html,
 * 2026-11-26).
 */

/** The form of Anthropic's own API. */
export function unwrapRedacted({ owner, value }: Sealed): string {
  if (owner !== "anthropic" || !isBase64(value)) return value;
  const inner = atob(value);
  return inner.length >= 4 && isBase64(inner) ? inner : value;
}

/** Converse's form. */
export function wrapRedacted(sealed: Sealed): string {
  const { owner, value } = sealed;
  if (owner !== "anthropic" || unwrapRedacted(sealed) !== value) return value;
  return btoa(value);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text);
}
