import { asObject, parseJson } from "../json/json.ts";
import type { Sealed, SealOwner } from "./conversation.ts";

/**
 * Clients give back what they were given in the places that their own format has for such values. A sealed value of
 * that format's owner stands there as it is; a foreign one travels behind a mark that names its owner:
 * `isthmus.sealed.v1:<owner>:<detail as base64url of JSON, or nothing>:<value>`.
 */
const MARK = "isthmus.sealed.v1:";

/** The text that stands for a sealed value in a client's own field. */
export function carry(sealed: Sealed, nativeOwner: SealOwner): string {
  if (sealed.owner === nativeOwner && sealed.detail === undefined) return sealed.value;
  const detail = sealed.detail === undefined ? "" : toBase64(JSON.stringify(sealed.detail));
  return `${MARK}${encodeURIComponent(sealed.owner)}:${detail}:${sealed.value}`;
}

/** The sealed value that a client gave back: what a mark names, or a value of the format's own owner. */
export function uncarry(text: string, nativeOwner: SealOwner): Sealed {
  if (!text.startsWith(MARK)) return { owner: nativeOwner, value: text };
  const [owner, detail] = text.slice(MARK.length).split(":", 2) as [string, string?];
  if (detail === undefined) return { owner: nativeOwner, value: text };
  const value = text.slice(MARK.length + owner.length + 1 + detail.length + 1);
  const parsed = detail === "" ? undefined : asObject(parseJson(fromBase64(detail)));
  return { owner: ownerOf(owner), value, ...(parsed === undefined ? {} : { detail: parsed }) };
}

/** Clients may send anything; what is no UTF-8 stays as it is. */
function ownerOf(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function toBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return "";
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}
