import { asArray, asString, isObject, type JsonObject } from "../../json/json.ts";
import type { Sealed, SealOwner } from "../conversation.ts";
import { uncarry } from "../sealed.ts";

/** A piece of thinking in its order: some text, the seal that ends the part it belongs to, or a hidden part. */
export interface ReasoningPiece {
  readonly text: string;
  readonly sealed?: Sealed;
  readonly hidden?: boolean;
}

/**
 * Reasoning under any of its names, in a chunk or a whole message. Several signed blocks keep their own texts, since
 * what is signed must come back letter by letter; where the text stands elsewhere too and differs, that text is first.
 */
export function reasoningPieces(delta: JsonObject, owner: SealOwner): ReasoningPiece[] {
  const blocks = asArray(delta.thinking_blocks).filter(isObject).map(blockPiece);
  const details = asArray(delta.reasoning_details)
    .filter(isObject)
    .map((detail) => detailPiece(detail, owner));
  const plain = asString(delta.reasoning_content) ?? asString(delta.reasoning) ?? asString(delta.thinking);
  const [held, more] = blocks.length > 0 ? [blocks, details] : [details, []];
  const pieces = [...held, ...more.map((piece) => ({ ...piece, text: "" }))];
  const same = plain === undefined || plain === held.map(({ text }) => text).join("");
  return same ? pieces : [{ text: plain }, ...pieces.map((piece) => ({ ...piece, text: "" }))];
}

/** LiteLLM's `thinking_blocks`, in Anthropic's words. */
function blockPiece(block: JsonObject): ReasoningPiece {
  const signature = asString(block.signature);
  const text = asString(block.thinking) ?? "";
  if (signature !== undefined && signature !== "") return { text, sealed: uncarry(signature, "anthropic") };
  const data = block.type === "redacted_thinking" ? asString(block.data) : undefined;
  return data === undefined ? { text } : { text: "", sealed: uncarry(data, "anthropic"), hidden: true };
}

/** OpenRouter's `reasoning_details`. */
function detailPiece(detail: JsonObject, owner: SealOwner): ReasoningPiece {
  const signature = asString(detail.signature) ?? asString(detail.data);
  const text = asString(detail.text) ?? asString(detail.summary) ?? "";
  return signature === undefined || signature === "" ? { text } : { text, sealed: { owner, value: signature } };
}
