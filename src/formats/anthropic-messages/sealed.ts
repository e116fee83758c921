import { asObject, asString, isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import type { Sealed } from "../conversation.ts";

/**
 * Anthropic's clients return signatures and redacted thinking as they were, so a foreign sealed value travels through
 * them inside an envelope in that place.
 */
const ENVELOPE = "isthmus.sealed.v1.";

/** A sealed value as a signature. `attached` says that it belongs to the block before. */
export function sealForClient(sealed: Sealed, attached = false): string {
  if (sealed.owner === "anthropic" && sealed.detail === undefined && !attached) return sealed.value;
  const bytes = new TextEncoder().encode(JSON.stringify({ ...sealed, ...(attached ? { attached } : {}) }));
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return ENVELOPE + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What a signature holds: an envelope's content, or the value that `owner` signed. */
export function openSealed(signature: string, owner: string): { readonly sealed: Sealed; readonly attached: boolean } {
  const plain = { sealed: { owner, value: signature }, attached: false };
  if (!signature.startsWith(ENVELOPE)) return plain;
  const content = asObject(parseJson(decodeEnvelope(signature.slice(ENVELOPE.length))));
  const value = asString(content?.value);
  const from = asString(content?.owner);
  if (content === undefined || value === undefined || from === undefined) return plain;
  const detail = asObject(content.detail);
  return {
    sealed: { owner: from, value, ...(detail === undefined ? {} : { detail }) },
    attached: content.attached === true,
  };
}

function decodeEnvelope(text: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return "";
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
}

/**
 * The request without thinking that other providers sealed, which Anthropic would refuse: for bodies that pass through
 * unchanged after earlier turns went elsewhere. Returns the same object when there is nothing to remove.
 */
export function withoutForeignSealed(body: JsonObject): JsonObject {
  if (!Array.isArray(body.messages)) return body;
  let changed = false;
  const messages = (body.messages as readonly Json[]).map((message) => {
    if (!isObject(message) || !Array.isArray(message.content)) return message;
    const content = message.content as readonly Json[];
    const kept = content.filter((block) => !isForeign(block));
    if (kept.length === content.length) return message;
    changed = true;
    return { ...message, content: kept };
  });
  return changed ? { ...body, messages } : body;
}

function isForeign(block: Json): boolean {
  if (!isObject(block)) return false;
  const value =
    block.type === "thinking" ? block.signature : block.type === "redacted_thinking" ? block.data : undefined;
  return typeof value === "string" && value.startsWith(ENVELOPE);
}
