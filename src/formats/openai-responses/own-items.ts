import { asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { SealOwner } from "../conversation.ts";
import { uncarry } from "../sealed.ts";
import { isGenerated } from "./wire.ts";

/**
 * The request without what a provider would refuse because earlier turns went elsewhere: reasoning that another
 * provider sealed, or that nobody did, and ids that the gateway made up. Reasoning that `owner` sealed stands as it
 * sealed it. For bodies that pass through; returns the same object when there is nothing to change.
 */
export function withOwnItemsOnly(body: JsonObject, owner: SealOwner): JsonObject {
  if (!Array.isArray(body.input)) return body;
  const input = body.input as readonly Json[];
  const kept = input.flatMap((item) => ownItem(item, owner));
  return kept.length === input.length && kept.every((item, index) => item === input[index])
    ? body
    : { ...body, input: kept };
}

function ownItem(item: Json, owner: SealOwner): readonly Json[] {
  if (!isObject(item)) return [item];
  const { id, ...rest } = item;
  const bare = isGenerated(id) ? rest : item;
  if (item.type !== "reasoning") return [bare];
  const encrypted = asString(item.encrypted_content) ?? "";
  if (encrypted === "") return bare === item ? [item] : [];
  const sealed = uncarry(encrypted, owner);
  if (sealed.owner !== owner) return [];
  if (sealed.value === encrypted) return [bare];
  const known = asString(sealed.detail?.id);
  return [{ ...bare, ...(known === undefined ? {} : { id: known }), encrypted_content: sealed.value }];
}
