import { asObject, asString, parseJson } from "../json/json.ts";
import type { Sealed, SealOwner } from "./conversation.ts";

/**
 * Clients give back what they were given in the places that their own format has for such values. A sealed value of
 * that format's owner stands there as it is; a foreign one travels inside an envelope that names its owner.
 */
const ENVELOPE = "isthmus.sealed.v1.";

/** The text that stands for a sealed value in a client's own field. */
export function carry(sealed: Sealed, nativeOwner: SealOwner): string {
  if (sealed.owner === nativeOwner && sealed.detail === undefined) return sealed.value;
  const bytes = new TextEncoder().encode(JSON.stringify(sealed));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return ENVELOPE + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** The sealed value that a client gave back: an envelope's content, or a value of the format's own owner. */
export function uncarry(text: string, nativeOwner: SealOwner): Sealed {
  const native: Sealed = { owner: nativeOwner, value: text };
  if (!text.startsWith(ENVELOPE)) return native;
  const content = asObject(parseJson(openEnvelope(text.slice(ENVELOPE.length))));
  const owner = asString(content?.owner);
  const value = asString(content?.value);
  if (owner === undefined || value === undefined) return native;
  const detail = asObject(content?.detail);
  return { owner, value, ...(detail === undefined ? {} : { detail }) };
}

function openEnvelope(text: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return "";
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}
