import { asObject, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Sealed } from "../conversation.ts";
import { carry, uncarry } from "../sealed.ts";

const OWNER = "anthropic";

/**
 * A sealed value of the block before (a call, a text): only redacted thinking has a place that clients return unread.
 */
export function carryAttached(sealed: Sealed): string {
  const detail = sealed.detail === undefined ? {} : { detail: sealed.detail };
  return carry({ owner: sealed.owner, value: sealed.value, detail: { attached: true, ...detail } }, OWNER);
}

/** What a signature or redacted thinking holds; `attached` says that it belongs to the block before. */
export function openSealed(text: string, owner: string): { readonly sealed: Sealed; readonly attached: boolean } {
  const sealed = uncarry(text, owner);
  if (sealed.detail?.attached !== true) return { sealed, attached: false };
  const detail = asObject(sealed.detail.detail);
  return {
    sealed: { owner: sealed.owner, value: sealed.value, ...(detail === undefined ? {} : { detail }) },
    attached: true,
  };
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
  // What others sealed, and Anthropic's own with something attached, travels in an envelope.
  return typeof value === "string" && uncarry(value, OWNER).value !== value;
}
