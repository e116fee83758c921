import { isObject, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import type { Citation, Part, ThinkingPart, ToolCallPart, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { wrapRedacted } from "../redacted-thinking.ts";
import { type DocumentNames, encodeDocument, encodeMedia } from "./media.ts";
import { cachePoint, FORMAT, INVALID_JSON, ownNative, wireName } from "./types.ts";

/** What the blocks of one request share. */
export interface Scope {
  readonly context: RequestContext;
  readonly names: DocumentNames;
  /** Whether the model takes cache points. */
  readonly caches: boolean;
}

/** Parts → content blocks of a request. Blank text is left out, as Bedrock refuses it. */
export function encodeBlocks(parts: readonly Part[], where: string, scope: Scope): JsonObject[] {
  const blocks: JsonObject[] = [];
  parts.forEach((part, index) => {
    const at = `${where}.content[${index}]`;
    const block = encodeBlock(part, at, scope);
    if (block !== undefined) blocks.push(block);
    const points = cachePointAfter(part, at, scope);
    const last = blocks.at(-1);
    if (last !== undefined && last.cachePoint === undefined) blocks.push(...points);
    else if (points.length > 0) scope.context.report.dropped(`${at}.cache_control`, "what it marked was left out");
  });
  return blocks;
}

/** A result's own content has no place for cache points: a mark in it stands behind the result. */
function cachePointAfter(part: Part, where: string, { caches, context }: Scope): JsonObject[] {
  const inner = part.type === "tool-result" ? part.content.find(({ cache }) => cache !== undefined)?.cache : undefined;
  const marks = part.type === "tool-result" ? part.content.filter((item) => item.cache !== undefined).length : 0;
  const cache = part.cache ?? inner;
  if (cache === undefined) return [];
  if (marks > (part.cache === undefined ? 1 : 0))
    context.report.dropped(`${where}.content.cache_control`, "one mark behind the result stands for those in it");
  if (caches) return [cachePoint(cache)];
  context.report.dropped(`${where}.cache_control`, `${context.model} takes no cache points`);
  return [];
}

function encodeBlock(part: Part, where: string, scope: Scope): JsonObject | undefined {
  const { context } = scope;
  const { report } = context;
  if ("sealed" in part && part.sealed !== undefined && part.type !== "thinking") {
    report.dropped(`${where}.sealed`, `sealed by ${part.sealed.owner}, which ${context.owner} cannot open`);
  }
  switch (part.type) {
    case "text": {
      if (part.text.trim() === "") return undefined;
      if (ownNative(part).json !== undefined) return ownNative(part);
      const citations = part.citations?.filter(({ native }) => native?.format === FORMAT) ?? [];
      if (citations.length < (part.citations?.length ?? 0)) {
        report.dropped(`${where}.annotations`, "Bedrock takes back only citations of its own");
      }
      return citations.length === 0 ? { text: part.text } : citationsContent(part.text, citations);
    }
    case "refusal":
      return part.text.trim() === "" ? undefined : { text: part.text };
    case "thinking":
      return encodeReasoning(part, where, context);
    case "image":
    case "video":
    case "audio":
      return encodeMedia(part, where, context);
    case "file":
      return encodeDocument(part, where, scope.names, context);
    case "tool-call":
      return encodeToolUse(part, where, context);
    case "tool-result":
      return encodeToolResult(part, where, scope);
    case "opaque":
      if (part.format === FORMAT) return part.value;
      report.dropped(where, `a block that only ${part.format} knows`);
      return undefined;
  }
}

/** Text with citations; foreign ones in answers carry what they know. */
export function citationsContent(text: string, citations: readonly Citation[]): JsonObject {
  return { citationsContent: { content: [{ text }], citations: citations.map(encodeCitation) } };
}

export function encodeCitation(citation: Citation): JsonObject {
  if (citation.native?.format === FORMAT) return citation.native.value;
  const encoded: MutableJsonObject = {};
  if (citation.title !== undefined) encoded.title = citation.title;
  if (citation.citedText !== undefined) encoded.sourceContent = [{ text: citation.citedText }];
  if (citation.url !== undefined) encoded.location = { web: { url: citation.url } };
  return encoded;
}

/** Claude wants its thinking back signed, exactly as it was; other models do not sign. */
function encodeReasoning(part: ThinkingPart, where: string, context: RequestContext): JsonObject | undefined {
  const { sealed } = part;
  if (sealed !== undefined && sealed.owner !== context.owner) {
    context.report.dropped(where, `thinking sealed by ${sealed.owner}, which ${context.owner} cannot open`);
    return undefined;
  }
  if (sealed === undefined && context.owner === "anthropic") {
    context.report.dropped(where, "thinking without a signature, which Claude refuses");
    return undefined;
  }
  return reasoningBlock(part);
}

export function reasoningBlock(part: ThinkingPart): JsonObject | undefined {
  const { sealed } = part;
  if (part.redacted === true) {
    if (sealed === undefined) return undefined;
    return { reasoningContent: { redactedContent: wrapRedacted(sealed) } };
  }
  const signature = sealed === undefined ? {} : { signature: sealed.value };
  return { reasoningContent: { reasoningText: { text: part.text, ...signature } } };
}

function encodeToolUse(part: ToolCallPart, where: string, context: RequestContext): JsonObject {
  const input = callInput(part);
  if (part.kind !== "custom" && INVALID_JSON in input) {
    context.report.converted(`${where}.arguments`, `no JSON object: sent as input.${INVALID_JSON}`);
  }
  return toolUse(part, input);
}

export function toolUse(part: ToolCallPart, input: JsonObject): JsonObject {
  return { toolUse: { toolUseId: wireName(part.id), name: wireName(part.name), input, ...ownNative(part) } };
}

/** A call's arguments as the object that Converse demands. */
export function callInput(part: ToolCallPart): JsonObject {
  if (part.kind === "custom") return { input: part.arguments };
  if (part.arguments.trim() === "") return {};
  const parsed = parseJson(part.arguments);
  if (isObject(parsed)) return parsed;
  // Some models write `null` for a call without arguments.
  return parsed === null ? {} : { [INVALID_JSON]: part.arguments };
}

function encodeToolResult(part: ToolResultPart, where: string, scope: Scope): JsonObject {
  const content = part.content.flatMap((item, index) => {
    const block = encodeBlock(item, `${where}.content[${index}]`, scope);
    return block === undefined ? [] : [block];
  });
  return {
    toolResult: {
      toolUseId: wireName(part.callId),
      content,
      ...(part.isError === undefined ? {} : { status: part.isError ? "error" : "success" }),
      ...ownNative(part),
    },
  };
}
