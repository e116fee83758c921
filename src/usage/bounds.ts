/** Tokens that a chat template may put around the messages of a body. */
const TEMPLATE_TOKENS = 64;

/** Tool use adds a system prompt of the provider's own, up to 735 tokens at Anthropic: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview (2026-11). */
const TOOL_PROMPT_TOKENS = 1024;

/** The most that one image is counted as anywhere: 8 tiles of gpt-4o-mini, https://platform.openai.com/docs/guides/images-vision (2026-11). */
const IMAGE_TOKENS = 48_169;

/** The most tokens that so many images of a prompt can be counted as. */
export function imageUpperBound(images: number): number {
  return images * IMAGE_TOKENS;
}

/** What the size of a body does not show. */
export interface PromptContents {
  /** Images, inside the body or only named in it: a small file can be a large picture. */
  readonly images?: number;
  /** Whether the request declares tools. */
  readonly tools?: boolean;
}

/**
 * The most tokens that a request's body can become as a prompt: no token of the tokenizers in use covers less than one
 * UTF-8 byte, so the bytes (or their number) bound the text. Sound and video that a body only names by address are not
 * covered.
 */
export function promptUpperBound(body: Uint8Array | number, contents: PromptContents = {}): number {
  const bytes = typeof body === "number" ? body : body.byteLength;
  return (
    bytes + TEMPLATE_TOKENS + (contents.tools === true ? TOOL_PROMPT_TOKENS : 0) + imageUpperBound(contents.images ?? 0)
  );
}
