import { asArray, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import type { ConversationRequest, ConversationResponse, Part, Tool } from "../conversation.ts";
import type { AnswerContext, ResponseContext } from "../format.ts";
import { decodeBlocks } from "./blocks-decode.ts";
import { callInput, citationsContent, reasoningBlock, toolUse } from "./blocks-encode.ts";
import { decodeFinish, encodeFinish } from "./finish.ts";
import { JSON_TOOL } from "./tools-encode.ts";
import { FORMAT, wireName } from "./types.ts";
import { decodeUsage, encodeUsage, otherAnswer } from "./usage.ts";

const RESPONSE = new Set(["output", "stopReason", "usage", "serviceTier"]);

/** A whole answer of Converse's. */
export function decodeResponse(body: JsonObject, context: ResponseContext): ConversationResponse {
  const message = asObject(asObject(body.output)?.message);
  const parts = decodeBlocks(asArray(message?.content), context.owner)
    .filter((part) => part.type !== "text" || part.text !== "" || part.citations !== undefined)
    .map((part) => restoreCall(part, context.request));
  const raw = asString(body.stopReason);
  const usage = decodeUsage(asObject(body.usage), asObject(body.serviceTier));
  const fields = otherAnswer(body, RESPONSE);
  return {
    choices: [
      {
        index: 0,
        parts,
        finish: decodeFinish(
          raw,
          parts.some((part) => part.type === "tool-call"),
        ),
        ...(raw === undefined ? {} : { rawFinish: raw }),
      },
    ],
    ...(usage === undefined ? {} : { usage }),
    ...(fields === undefined ? {} : { extensions: { format: FORMAT, fields } }),
  };
}

/** How a call of that name is to be read: as the caller declared its tool. */
export type CallKind = "call" | "custom-call" | "json-answer";

/** What the request says about the calls in its answer. */
export class DeclaredTools {
  readonly #tools = new Map<string, Extract<Tool, { type: "function" | "custom" }>>();
  readonly #json: boolean;

  constructor(request: ConversationRequest | undefined) {
    for (const tool of request?.tools ?? []) {
      if (tool.type === "function" || tool.type === "custom") this.#tools.set(wireName(tool.name), tool);
    }
    const format = request?.responseFormat?.type;
    this.#json = (format === "json" || format === "json-schema") && !this.#tools.has(JSON_TOOL);
  }

  kindOf(name: string): CallKind {
    if (name === JSON_TOOL && this.#json) return "json-answer";
    return this.#tools.get(name)?.type === "custom" ? "custom-call" : "call";
  }

  /** The caller's own name for the tool. */
  nameOf(name: string): string {
    return this.#tools.get(name)?.name ?? name;
  }
}

function restoreCall(part: Part, request: ConversationRequest | undefined): Part {
  if (part.type !== "tool-call") return part;
  const tools = new DeclaredTools(request);
  switch (tools.kindOf(part.name)) {
    case "json-answer":
      return { type: "text", text: part.arguments };
    case "custom-call":
      return { ...part, name: tools.nameOf(part.name), kind: "custom", arguments: customInput(part.arguments) };
    default:
      return { ...part, name: tools.nameOf(part.name) };
  }
}

/** The free text inside the object that stood for a custom tool's input. */
export function customInput(text: string): string {
  return asString(asObject(parseJson(text))?.input) ?? text;
}

/** A part of an answer as content blocks; empty parts make no block. */
export function encodeAnswerPart(part: Part): JsonObject[] {
  switch (part.type) {
    case "text":
      // Nova cites in blocks of their own, without text.
      if (part.text === "" && part.citations === undefined) return [];
      return [part.citations === undefined ? { text: part.text } : citationsContent(part.text, part.citations)];
    case "refusal":
      return part.text === "" ? [] : [{ text: part.text }];
    case "thinking": {
      const block = reasoningBlock(part);
      return block === undefined ? [] : [block];
    }
    case "tool-call":
      return [toolUse(part, callInput(part))];
    case "image":
    case "video":
      if (part.source.type !== "base64") return [];
      return [{ [part.type]: { format: part.source.mediaType.split("/")[1], source: { bytes: part.source.data } } }];
    case "audio":
      return part.transcript === undefined ? [] : [{ text: part.transcript }];
    case "opaque":
      return part.format === FORMAT ? [part.value] : [];
    default:
      return [];
  }
}

/** A whole answer for a client of this format, which knows one choice: the first. */
export function encodeResponse(response: ConversationResponse, _context: AnswerContext): JsonObject {
  const choice = response.choices[0];
  const tier = response.usage?.serviceTier;
  return {
    ...(response.extensions?.format === FORMAT ? response.extensions.fields : {}),
    output: { message: { role: "assistant", content: (choice?.parts ?? []).flatMap(encodeAnswerPart) } },
    stopReason: encodeFinish(choice?.finish ?? "stop", choice?.rawFinish, choice?.stopSequence),
    usage: encodeUsage(response.usage),
    ...(tier === undefined ? {} : { serviceTier: { type: tier } }),
  };
}
