import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Citation, Part } from "../conversation.ts";
import { decodeMedia } from "./media.ts";
import { cacheMark, FORMAT, INVALID_JSON, memberOf, nativeRest } from "./types.ts";

const TOOL_USE = new Set(["toolUseId", "name", "input", "type"]);
const TOOL_RESULT = new Set(["toolUseId", "content", "status"]);

/** Content blocks → parts. A cache point becomes a mark on the part before it. */
export function decodeBlocks(blocks: readonly Json[], owner: string): Part[] {
  const parts: Part[] = [];
  for (const block of blocks) {
    if (!isObject(block)) continue;
    const mark = cacheMark(block);
    const last = parts.at(-1);
    if (mark === undefined) parts.push(decodeBlock(block, owner));
    else if (last === undefined || last.type === "opaque") parts.push({ type: "opaque", format: FORMAT, value: block });
    else parts[parts.length - 1] = { ...last, cache: mark };
  }
  return parts;
}

/** One content block; what the conversation has no word for stays whole, as an opaque part. */
export function decodeBlock(block: JsonObject, owner: string): Part {
  const [kind, value] = memberOf(block);
  const held = asObject(value);
  const opaque: Part = { type: "opaque", format: FORMAT, value: block };
  if (kind === "text" && typeof value === "string") return { type: "text", text: value };
  if (held === undefined) return opaque;
  switch (kind) {
    case "toolUse":
      // Tools that Bedrock runs itself are no calls for the client.
      return asString(held.name) === undefined || held.type === "server_tool_use" ? opaque : decodeToolUse(held);
    case "toolResult":
      return held.type === undefined && typeof held.toolUseId === "string" ? decodeToolResult(held, owner) : opaque;
    case "reasoningContent":
      return decodeReasoning(held, owner) ?? opaque;
    case "citationsContent":
      return {
        type: "text",
        text: asArray(held.content)
          .map((item) => asString(asObject(item)?.text) ?? "")
          .join(""),
        citations: asArray(held.citations).filter(isObject).map(decodeCitation),
      };
    default:
      return decodeMedia(kind, held) ?? opaque;
  }
}

function decodeToolUse(held: JsonObject): Part {
  return {
    type: "tool-call",
    id: asString(held.toolUseId) ?? "",
    name: asString(held.name) ?? "",
    arguments: encodeArguments(held.input),
    ...nativeRest(held, TOOL_USE),
  };
}

/** A call's `input` as JSON text. */
export function encodeArguments(input: Json | undefined): string {
  const raw = isObject(input) && Object.keys(input).length === 1 ? asString(input[INVALID_JSON]) : undefined;
  return raw ?? JSON.stringify(input ?? {});
}

function decodeToolResult(held: JsonObject, owner: string): Part {
  const content = asArray(held.content)
    .filter(isObject)
    .flatMap((item) =>
      item.json === undefined
        ? decodeBlocks([item], owner)
        : [
            {
              type: "text",
              text: JSON.stringify(item.json),
              native: { format: FORMAT, value: { json: item.json } },
            } as const,
          ],
    );
  return {
    type: "tool-result",
    callId: asString(held.toolUseId) ?? "",
    content,
    ...(held.status === undefined || held.status === null ? {} : { isError: held.status === "error" }),
    ...nativeRest(held, TOOL_RESULT),
  };
}

function decodeReasoning(held: JsonObject, owner: string): Part | undefined {
  const redacted = asString(held.redactedContent);
  if (redacted !== undefined) {
    return { type: "thinking", text: "", redacted: true, sealed: { owner, value: redacted } };
  }
  const reasoning = asObject(held.reasoningText);
  if (reasoning === undefined) return undefined;
  const signature = asString(reasoning.signature) ?? "";
  return {
    type: "thinking",
    text: asString(reasoning.text) ?? "",
    ...(signature === "" ? {} : { sealed: { owner, value: signature } }),
  };
}

/** A citation; its place is in the source, not in the answer. */
export function decodeCitation(citation: JsonObject): Citation {
  const citedText = asArray(citation.sourceContent)
    .map((item) => asString(asObject(item)?.text) ?? "")
    .join("");
  const location = asObject(citation.location);
  const url = asString(asObject(location?.web)?.url) ?? asString(citation.source);
  const title = asString(citation.title);
  return {
    ...(citedText === "" ? {} : { citedText }),
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    native: { format: FORMAT, value: citation },
  };
}
