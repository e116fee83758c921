import type { Sealed } from "../conversation.ts";
import { carry, uncarry } from "../sealed.ts";

/** Google's clients check that a signature is base64, so a foreign value is wrapped in it. */
export function signatureText(sealed: Sealed): string {
  const text = carry(sealed, "gemini");
  if (sealed.owner === "gemini" && sealed.detail === undefined) return text;
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
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
