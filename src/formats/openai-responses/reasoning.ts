import { asArray, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { OpaquePart, Sealed, SealOwner, ThinkingPart } from "../conversation.ts";
import { carry, uncarry } from "../sealed.ts";
import { FORMAT, isGenerated, otherMembers, withNative } from "./wire.ts";

const KNOWN = new Set(["type", "status", "summary", "content", "encrypted_content"]);

/** Where the thinking's text stands: OpenAI and xAI summarise, others show it whole (`reasoning_text`). */
export type ReasoningPlace = "summary" | "content";

/** The text of a reasoning item; several summary parts are paragraphs of it. */
export function reasoningText(item: JsonObject): { readonly text: string; readonly place: ReasoningPlace } {
  const join = (list: unknown): string =>
    asArray(list)
      .map((part) => asString(asObject(part)?.text) ?? "")
      .join("\n\n");
  const summary = join(item.summary);
  const content = join(item.content);
  return summary === "" && content !== "" ? { text: content, place: "content" } : { text: summary, place: "summary" };
}

/** What this format keeps on a thinking part: the item's id and other members, and where its text stood. */
export function reasoningNative(item: JsonObject, place: ReasoningPlace): Pick<ThinkingPart, "native"> {
  const rest = otherMembers(isGenerated(item.id) ? { ...item, id: undefined } : item, KNOWN);
  return withNative(place === "content" ? { ...rest, place } : rest);
}

/** The sealed value of a reasoning item, whose id goes back with it. */
export function reasoningSeal(item: JsonObject, owner: SealOwner): Sealed | undefined {
  const value = asString(item.encrypted_content);
  if (value === undefined || value === "") return undefined;
  const sealed = uncarry(value, owner);
  const id = asString(item.id);
  return sealed.owner !== owner || id === undefined || isGenerated(id) || sealed.detail !== undefined
    ? sealed
    : { ...sealed, detail: { id } };
}

/**
 * A whole reasoning item. One that shows and seals nothing means something only to the provider that stores it and is
 * kept as it is.
 */
export function decodeReasoning(item: JsonObject, owner: SealOwner): ThinkingPart | OpaquePart {
  const { text, place } = reasoningText(item);
  const sealed = reasoningSeal(item, owner);
  if (text === "" && sealed === undefined) return { type: "opaque", format: FORMAT, value: item };
  const redacted = text === "" && isRedacted(sealed, owner);
  return {
    type: "thinking",
    text,
    ...(sealed === undefined ? {} : { sealed: redacted ? withoutPlace(sealed) : sealed }),
    ...(redacted ? { redacted: true } : {}),
    ...reasoningNative(item, place),
  };
}

/** OpenAI's own reasoning without text is hidden; of others the envelope says whether it is. */
export function isRedacted(sealed: Sealed | undefined, owner: SealOwner): boolean {
  return sealed !== undefined && (sealed.owner === owner || sealed.detail?.[PLACE] === "redacted");
}

/**
 * A member of a carried value's `detail`: `redacted` marks hidden thinking, `attached` says that the value belongs to
 * the part before, which has no place of its own for it in this format (a signed tool call or text).
 */
const PLACE = "responses_place";

/** The sealed value as a client of this format carries it in `encrypted_content`. */
export function carried(sealed: Sealed, place?: "redacted" | "attached"): string {
  if (sealed.owner === "openai") return carry({ owner: sealed.owner, value: sealed.value }, "openai");
  return carry(place === undefined ? sealed : { ...sealed, detail: { ...sealed.detail, [PLACE]: place } }, "openai");
}

/** Whether the value belongs to the part before the reasoning item. */
export function isAttached(sealed: Sealed | undefined): boolean {
  return sealed?.detail?.[PLACE] === "attached";
}

export function withoutPlace(sealed: Sealed): Sealed {
  if (sealed.detail?.[PLACE] === undefined) return sealed;
  const { [PLACE]: _, ...detail } = sealed.detail;
  const { owner, value } = sealed;
  return Object.keys(detail).length === 0 ? { owner, value } : { owner, value, detail };
}
