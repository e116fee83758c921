/** Tokens that chat templates, role markers and tool scaffolding may add to what the body shows. */
const TEMPLATE_OVERHEAD = 64;

/**
 * The most tokens that a request's body can become as a prompt: no token of the tokenizers in use covers less than one
 * UTF-8 byte, and JSON's own punctuation and names stand for what templates add around the messages. Holds for text and
 * for media inside the body; what the body only refers to by address must be bounded apart.
 */
export function promptUpperBound(body: Uint8Array | number): number {
  return (typeof body === "number" ? body : body.byteLength) + TEMPLATE_OVERHEAD;
}
