import { isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { ImagePart, Message, Part, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { takesThinkingLevel } from "./thinking.ts";

/** Google's stand-in for the signature of a call that another model made (Gemini docs, Thought signatures, 2026-11). */
const FOREIGN_SIGNATURE = "skip_thought_signature_validator";

/** `systemInstruction`'s parts and `contents`. */
export interface EncodedMessages {
  readonly system: JsonObject[];
  readonly contents: { role: string; parts: JsonObject[] }[];
}

/** System texts stand together before the conversation, in which turns of user and model alternate. */
export function encodeMessages(messages: readonly Message[], context: RequestContext): EncodedMessages {
  const { report } = context;
  const system: JsonObject[] = [];
  const contents: { role: string; parts: JsonObject[] }[] = [];
  let spoken = false;
  for (const message of inOrderOfCalls(messages)) {
    if (message.role === "system" || message.role === "developer") {
      if (spoken) report.converted("messages", "Gemini takes system text only before the conversation");
      for (const part of message.parts) if (part.type === "text" && part.text !== "") system.push({ text: part.text });
      continue;
    }
    spoken = true;
    append(contents, message.role === "assistant" ? "model" : "user", encodeParts(message, context));
  }
  if (contents.length === 0 && system.length > 0) {
    contents.push({ role: "user", parts: [{ text: " " }] });
    report.converted("messages", "Gemini needs a user turn beside the system text");
  }
  return { system, contents };
}

/**
 * Calls and results go without ids (Vertex AI refuses the field), so that the order of the results says which call each
 * of them answers: within a turn's results they stand in the order of the calls.
 */
function inOrderOfCalls(messages: readonly Message[]): readonly Message[] {
  const place = new Map<string, number>();
  for (const { parts } of messages)
    for (const part of parts) if (part.type === "tool-call" && !place.has(part.id)) place.set(part.id, place.size);
  if (place.size < 2) return messages;
  const ordered: Message[] = [];
  let run: ToolResultPart[] = [];
  const flush = (): void => {
    const at = (part: ToolResultPart): number => place.get(part.callId) ?? Number.MAX_SAFE_INTEGER;
    if (run.length > 0) ordered.push({ role: "tool", parts: run.toSorted((one, other) => at(one) - at(other)) });
    run = [];
  };
  for (const message of messages) {
    const results = message.parts.filter((part): part is ToolResultPart => part.type === "tool-result");
    if (results.length === 0) {
      flush();
      ordered.push(message);
      continue;
    }
    run.push(...results);
    if (results.length === message.parts.length) continue;
    flush();
    ordered.push({ ...message, parts: message.parts.filter(({ type }) => type !== "tool-result") });
  }
  flush();
  return ordered;
}

/** Consecutive turns of one role are one turn; the responses to parallel calls stand together in it. */
function append(contents: { role: string; parts: JsonObject[] }[], role: string, parts: JsonObject[]): void {
  if (parts.length === 0) return;
  const last = contents[contents.length - 1];
  if (last?.role === role) last.parts.push(...parts);
  else contents.push({ role, parts });
}

function encodeParts(message: Message, context: RequestContext): JsonObject[] {
  const encoded: JsonObject[] = [];
  let firstCall = true;
  for (const part of message.parts) {
    const wire = encodePart(part, context, firstCall);
    if (part.type === "tool-call") firstCall = false;
    encoded.push(...wire);
  }
  return encoded;
}

function encodePart(part: Part, context: RequestContext, firstCall: boolean): JsonObject[] {
  const { report } = context;
  const native = part.native?.format === "gemini" ? part.native.value : {};
  switch (part.type) {
    case "text":
      if (part.text === "" && part.sealed === undefined) return [];
      return [{ text: part.text, ...signatureOf(part.sealed, context), ...native }];
    case "refusal":
      return [{ text: part.text }];
    case "thinking":
      if (part.sealed?.owner === "gemini")
        return [{ text: part.text, thought: true, thoughtSignature: part.sealed.value }];
      report.dropped("messages.thinking", "thinking without a signature of Gemini's own is not sent back");
      return [];
    case "image":
    case "audio":
    case "video":
    case "file": {
      const { source } = part;
      const filename = part.type === "file" ? part.filename : undefined;
      const more = { ...resolutionOf(part, context), ...native };
      const named = displayName(filename, context);
      switch (source.type) {
        case "base64":
          return [{ inlineData: { mimeType: source.mediaType, data: source.data, ...named }, ...more }];
        case "text":
          if (filename !== undefined)
            report.dropped("messages.file.filename", "a file of text is text, without a name");
          return [{ text: source.text }];
        case "file-id":
          return [
            {
              fileData: {
                fileUri: source.id,
                ...(source.mediaType === undefined ? {} : { mimeType: source.mediaType }),
                ...named,
              },
              ...more,
            },
          ];
        case "url": {
          const mimeType =
            source.mediaType ?? mediaTypeOf(source.url, filename) ?? (part.type === "image" ? "image/jpeg" : undefined);
          return [
            { fileData: { fileUri: source.url, ...(mimeType === undefined ? {} : { mimeType }), ...named }, ...more },
          ];
        }
      }
      break;
    }
    case "tool-call": {
      const custom = part.kind === "custom" ? { input: part.arguments } : undefined;
      const parsed = custom ?? (part.arguments.trim() === "" ? {} : parseJson(part.arguments));
      if (!isObject(parsed))
        report.converted(
          "messages.tool_calls.arguments",
          "Gemini takes an object; the broken JSON text stands in it under 'arguments'",
        );
      const args = isObject(parsed) ? parsed : { arguments: part.arguments };
      const foreign = part.sealed?.owner !== "gemini" && firstCall && takesThinkingLevel(context.model);
      return [
        {
          functionCall: { name: part.name, args },
          ...signatureOf(part.sealed, context),
          ...(foreign ? { thoughtSignature: FOREIGN_SIGNATURE } : {}),
          ...native,
        },
      ];
    }
    case "tool-result":
      return encodeResult(part, context);
    case "opaque":
      if (part.format === "gemini") return [part.value];
      report.dropped("messages", `a block that only ${part.format} knows`);
      return [];
  }
  return [];
}

function signatureOf(
  sealed: { readonly owner: string; readonly value: string } | undefined,
  context: RequestContext,
): JsonObject {
  if (sealed === undefined) return {};
  if (sealed.owner === "gemini") return { thoughtSignature: sealed.value };
  context.report.dropped("thought_signature", `it belongs to ${sealed.owner}`);
  return {};
}

function encodeResult(part: ToolResultPart, context: RequestContext): JsonObject[] {
  const text = part.content.map((item) => (item.type === "text" ? item.text : "")).join("");
  const media = part.content.filter((item) => item.type !== "text").flatMap((item) => encodePart(item, context, false));
  const parsed = part.isError === true ? undefined : parseJson(text);
  const response: JsonObject = part.isError === true ? { error: text } : isObject(parsed) ? parsed : { content: text };
  const native = part.native?.format === "gemini" ? part.native.value : {};
  return [{ functionResponse: { name: part.name ?? part.callId, response, ...native } }, ...media];
}

/** Google's names for what OpenAI calls the detail of an image. */
const RESOLUTIONS: Readonly<Record<string, string>> = {
  low: "MEDIA_RESOLUTION_LOW",
  medium: "MEDIA_RESOLUTION_MEDIUM",
  high: "MEDIA_RESOLUTION_HIGH",
  ultra_high: "MEDIA_RESOLUTION_ULTRA_HIGH",
};

/** From Gemini 3 on each part has a resolution of its own (Gemini docs, Media resolution, 2026-11). */
function resolutionOf(part: Part, context: RequestContext): JsonObject {
  const detail = part.type === "image" ? part.detail : undefined;
  if (detail === undefined || detail === "auto") return {};
  const level = RESOLUTIONS[detail];
  if (level !== undefined && takesThinkingLevel(context.model)) return { mediaResolution: { level } };
  if (level === undefined || !context.model.includes("gemini-2"))
    context.report.dropped("messages.image.detail", `${context.model} has no such resolution`);
  return {};
}

/** Gemini 2 has one resolution for the whole request: the highest that an image asks for. */
export function globalResolution(messages: readonly Message[], context: RequestContext): string | undefined {
  if (!context.model.includes("gemini-2")) return undefined;
  const order = Object.keys(RESOLUTIONS);
  const images = messages
    .flatMap(({ parts }) => parts.flatMap((part) => (part.type === "tool-result" ? part.content : [part])))
    .filter((part): part is ImagePart => part.type === "image");
  const details = new Set(images.flatMap(({ detail }) => (detail === undefined || detail === "auto" ? [] : [detail])));
  const highest = order.findLast((detail) => details.has(detail));
  if (highest === undefined) return undefined;
  context.report.converted("messages.image.detail", "Gemini 2 has one resolution for all media of a request");
  return RESOLUTIONS[highest === "ultra_high" ? "high" : highest];
}

/** Vertex AI alone takes a file's name (Google Gen AI SDK's types, `Blob.displayName`, 2026-11). */
function displayName(filename: string | undefined, { provider, report }: RequestContext): JsonObject {
  if (filename === undefined) return {};
  if (isVertex(provider)) return { displayName: filename };
  report.dropped("messages.file.filename", "only Vertex AI takes the names of files");
  return {};
}

export function isVertex(provider: string): boolean {
  return provider.startsWith("vertex_ai");
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  heic: "image/heic",
  pdf: "application/pdf",
  txt: "text/plain",
  html: "text/html",
  csv: "text/csv",
  md: "text/markdown",
  json: "application/json",
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  flac: "audio/flac",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  webm: "video/webm",
  mov: "video/quicktime",
  mpeg: "video/mpeg",
};

function mediaTypeOf(url: string, filename: string | undefined): string | undefined {
  const extension = /\.(\w+)(?:[?#].*)?$/.exec(filename ?? url)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : MEDIA_TYPES[extension];
}
