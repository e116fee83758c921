import type { Json, JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Message, Part, ThinkingPart, ToolCallPart, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { encodeAnnotation } from "./annotations.ts";
import { FORMAT, messageOf, nativeValue } from "./wire.ts";

/** Messages → input items. What has no place among them goes to the report. */
export function encodeInput(messages: readonly Message[], context: RequestContext): JsonObject[] {
  const items: JsonObject[] = [];
  const customCalls = new Set<string>();
  for (const message of messages) {
    if (message.role === "assistant") encodeAssistant(message, items, customCalls, context);
    else encodeOther(message, items, customCalls, context);
  }
  return items;
}

/** A user's or system message; tool results among its parts are items of their own. */
function encodeOther(
  message: Message,
  items: JsonObject[],
  customCalls: ReadonlySet<string>,
  context: RequestContext,
): void {
  let content: JsonObject[] = [];
  const role = message.role === "tool" ? "user" : message.role;
  const flush = (): void => {
    if (content.length > 0) items.push({ role, content, ...nativeValue(message) });
    content = [];
  };
  for (const part of message.parts) {
    if (part.type === "tool-result") {
      flush();
      items.push(encodeResult(part, customCalls, context));
    } else if (part.type === "opaque" && part.format === FORMAT && message.role === "tool") {
      flush();
      items.push(part.value);
    } else {
      content.push(...encodeContentPart(part, context));
    }
  }
  flush();
}

function encodeAssistant(
  message: Message,
  items: JsonObject[],
  customCalls: Set<string>,
  context: RequestContext,
): void {
  let open: { readonly item: JsonObject; readonly content: JsonObject[] } | undefined;
  for (const part of message.parts) {
    if (part.type === "text" || part.type === "refusal") {
      if (part.type === "text" && part.text === "" && part.native === undefined) continue;
      const { item: _, ...rest } = nativeValue(part) ?? {};
      const item = messageOf(nativeValue(part));
      if (open === undefined || open.item.id !== item.id) {
        open = { item, content: [] };
        items.push({ type: "message", role: "assistant", content: open.content, ...item });
      }
      open.content.push(part.type === "text" ? encodeOutputText(part.text, part, rest) : refusal(part.text, rest));
      if (part.type === "text" && part.sealed !== undefined) dropSealed(part.sealed.owner, context);
      continue;
    }
    open = undefined;
    switch (part.type) {
      case "thinking":
        items.push(...encodeThinking(part, context));
        break;
      case "tool-call":
        if (part.kind === "custom") customCalls.add(part.id);
        else customCalls.delete(part.id);
        if (part.sealed !== undefined) dropSealed(part.sealed.owner, context);
        items.push(encodeCall(part));
        break;
      case "opaque":
        if (part.format === FORMAT) items.push(part.value);
        else context.report.dropped("input", `a block that only ${part.format} knows`);
        break;
      case "image": {
        const native = nativeValue(part);
        if (native !== undefined && part.source.type === "base64") {
          items.push({ type: "image_generation_call", status: "completed", result: part.source.data, ...native });
        } else {
          context.report.dropped("input", "the Responses API takes no images that another provider's model made");
        }
        break;
      }
      case "tool-result":
        items.push(encodeResult(part, customCalls, context));
        break;
      default:
        context.report.dropped("input", `the Responses API takes no ${part.type} from the assistant`);
    }
  }
}

function encodeOutputText(text: string, part: Extract<Part, { type: "text" }>, rest: JsonObject): JsonObject {
  const annotations = (part.citations ?? []).flatMap((citation) => {
    const annotation = encodeAnnotation(citation, text);
    return annotation === undefined ? [] : [annotation];
  });
  return { type: "output_text", text, ...(annotations.length === 0 ? {} : { annotations }), ...rest };
}

function refusal(text: string, rest: JsonObject): JsonObject {
  return { type: "refusal", refusal: text, ...rest };
}

function dropSealed(owner: string, context: RequestContext): void {
  context.report.dropped("thought_signature", `it belongs to ${owner}`);
}

/** Reasoning returns to who sealed it, or to who stores it under its id. */
function encodeThinking(part: ThinkingPart, context: RequestContext): JsonObject[] {
  const { place, ...native } = nativeValue(part) ?? {};
  const owned = part.sealed?.owner === context.owner;
  if (!owned && (part.sealed !== undefined || native.id === undefined)) {
    context.report.dropped(
      "reasoning",
      part.sealed === undefined
        ? "the provider takes back only reasoning of its own"
        : `it belongs to ${part.sealed.owner}`,
    );
    return [];
  }
  const inContent = place === "content";
  const texts = part.text === "" ? [] : [part.text];
  return [
    {
      type: "reasoning",
      ...part.sealed?.detail,
      summary: inContent ? [] : texts.map((text) => ({ type: "summary_text", text })),
      ...(inContent ? { content: texts.map((text) => ({ type: "reasoning_text", text })) } : {}),
      ...(part.sealed === undefined ? {} : { encrypted_content: part.sealed.value }),
      ...native,
    },
  ];
}

function encodeCall(part: ToolCallPart): JsonObject {
  return part.kind === "custom"
    ? { type: "custom_tool_call", call_id: part.id, name: part.name, input: part.arguments, ...nativeValue(part) }
    : {
        type: "function_call",
        call_id: part.id,
        name: part.name,
        arguments: part.arguments.trim() === "" ? "{}" : part.arguments,
        ...nativeValue(part),
      };
}

function encodeResult(part: ToolResultPart, customCalls: ReadonlySet<string>, context: RequestContext): JsonObject {
  const { custom, ...native } = nativeValue(part) ?? {};
  if (part.isError === true) {
    context.report.dropped("input.is_error", "the Responses API has no mark for a failed tool");
  }
  const [only] = part.content;
  const plain = part.content.length === 1 && only?.type === "text" && only.native === undefined;
  const output: Json = plain ? only.text : part.content.flatMap((item) => encodeContentPart(item, context));
  return {
    type: custom === true || customCalls.has(part.callId) ? "custom_tool_call_output" : "function_call_output",
    call_id: part.callId,
    output: part.content.length === 0 ? "" : output,
    ...native,
  };
}

/** What a user, a system text or a tool says. */
export function encodeContentPart(part: Part, context: RequestContext): JsonObject[] {
  const { item: _, ...native } = nativeValue(part) ?? {};
  switch (part.type) {
    case "text":
      return [{ type: "input_text", text: part.text, ...native }];
    case "refusal":
      return [{ type: "input_text", text: part.text, ...native }];
    case "image": {
      const { source } = part;
      if (source.type === "text") break;
      const address: MutableJsonObject =
        source.type === "file-id"
          ? { file_id: source.id }
          : { image_url: source.type === "url" ? source.url : `data:${source.mediaType};base64,${source.data}` };
      return [
        { type: "input_image", ...address, ...(part.detail === undefined ? {} : { detail: part.detail }), ...native },
      ];
    }
    case "file":
      if (part.source.type === "text" && part.filename !== undefined)
        context.report.dropped("input.filename", "a file of text is text, without a name");
      return [{ ...encodeFile(part), ...native }];
    case "audio":
      if (part.source.type !== "base64") break;
      return [
        {
          type: "input_audio",
          input_audio: { data: part.source.data, format: part.format ?? audioFormat(part.source.mediaType) },
          ...native,
        },
      ];
    case "opaque":
      if (part.format === FORMAT) return [part.value];
      context.report.dropped("input", `a block that only ${part.format} knows`);
      return [];
    case "video":
      break;
    default:
      return [];
  }
  context.report.unsupported("input", `the Responses API takes no ${part.type} in this form`);
  return [];
}

function encodeFile(part: Extract<Part, { type: "file" }>): JsonObject {
  const { source, filename } = part;
  const named = filename === undefined ? {} : { filename };
  switch (source.type) {
    case "text":
      return { type: "input_text", text: source.text };
    case "url":
      return { type: "input_file", file_url: source.url, ...named };
    case "file-id":
      return { type: "input_file", file_id: source.id, ...named };
    case "base64":
      return {
        type: "input_file",
        // A file without a name is refused.
        filename: filename ?? `file.${source.mediaType.split(/[/+]/)[1] ?? "pdf"}`,
        file_data: `data:${source.mediaType};base64,${source.data}`,
      };
  }
}

function audioFormat(mediaType: string): string {
  const subtype = mediaType.split("/")[1] ?? "wav";
  return subtype === "mpeg" ? "mp3" : subtype.replace(/^x-/, "");
}
