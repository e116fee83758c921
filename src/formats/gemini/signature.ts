import type { Sealed, ThinkingPart } from "../conversation.ts";
import { carry, uncarry } from "../sealed.ts";

/** Google's clients check that a signature is base64, so a foreign value is wrapped in it. */
export function signatureText(sealed: Sealed): string {
  const text = carry(sealed, "gemini");
  if (sealed.owner === "gemini" && sealed.detail === undefined) return text;
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** A member of a carried value's `detail`: the thinking that it stands for is hidden, which is no word of Google's. */
const HIDDEN = "gemini_hidden";

/** The signature of hidden thinking. */
export function hiddenSignature(sealed: Sealed): string {
  return signatureText({ ...sealed, detail: { ...sealed.detail, [HIDDEN]: true } });
}

/** A thinking part of a client's: hidden where its signature says so. */
export function thinkingOf(text: string, sealed: Sealed | undefined): ThinkingPart {
  if (sealed?.detail?.[HIDDEN] !== true) return { type: "thinking", text, ...(sealed === undefined ? {} : { sealed }) };
  const { [HIDDEN]: _, ...detail } = sealed.detail;
  const { owner, value } = sealed;
  const own = Object.keys(detail).length === 0 ? { owner, value } : { owner, value, detail };
  return { type: "thinking", text, sealed: own, redacted: true };
}

/** A signature that a client gave back: Google's own, or a wrapped one of another owner. */
export function openSignature(signature: string): Sealed {
  const own: Sealed = { owner: "gemini", value: signature };
  // What every wrapped value begins with.
  if (!signature.startsWith("aXN0aG11cy5zZWFsZWQ")) return own;
  const binary = atob(signature.replaceAll("-", "+").replaceAll("_", "/"));
  const text = new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  return uncarry(text, "gemini");
}
