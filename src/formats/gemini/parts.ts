import { asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { MediaSource, Part, Sealed, ToolResultPart } from "../conversation.ts";
import { openSignature, thinkingOf } from "./signature.ts";
import { field, objectField, otherFields } from "./wire.ts";

const PART_FIELDS = new Set([
  "text",
  "thought",
  "thoughtSignature",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
]);

/** Hands out ids for calls that have none, and finds the call that a response without id answers. */
export class CallIds {
  readonly #open: { readonly id: string; readonly name: string }[] = [];
  #count = 0;

  /** The id of a call: its own, else one made of its name and position, so that parallel calls of one function differ. */
  call(id: string | undefined, name: string): string {
    const chosen = id === undefined || id === "" ? `call_${name}_${this.#count}` : id;
    this.#count++;
    this.#open.push({ id: chosen, name });
    return chosen;
  }

  /** The id that a response answers: its own, else the first open call of that name. */
  response(id: string | undefined, name: string): string {
    const at = this.#open.findIndex((call) => (id === undefined || id === "" ? call.name === name : call.id === id));
    const found = at < 0 ? undefined : this.#open.splice(at, 1)[0];
    return found?.id ?? (id === undefined || id === "" ? `call_${name}_unknown` : id);
  }
}

/** One part of a message or an answer. */
export function decodePart(given: JsonObject, ids: CallIds): Part {
  const { part, detail } = splitDetail(given);
  const signature = asString(field(part, "thoughtSignature"));
  const sealed: { sealed?: Sealed } = signature === undefined ? {} : { sealed: openSignature(signature) };
  const rest = otherFields(part, PART_FIELDS);
  const native = rest === undefined ? {} : { native: { format: "gemini" as const, value: rest } };

  const call = objectField(part, "functionCall");
  if (call !== undefined) {
    const name = asString(call.name) ?? "";
    return {
      type: "tool-call",
      id: ids.call(asString(call.id), name),
      name,
      arguments: JSON.stringify(call.args ?? {}),
      ...sealed,
      ...native,
    };
  }
  const response = objectField(part, "functionResponse");
  if (response !== undefined) {
    const name = asString(response.name) ?? "";
    return {
      type: "tool-result",
      callId: ids.response(asString(response.id), name),
      name,
      ...resultContent(response),
      ...restOf(response),
    };
  }
  const inline = objectField(part, "inlineData");
  if (inline !== undefined) {
    const mediaType = asString(field(inline, "mimeType")) ?? "application/octet-stream";
    return {
      ...mediaPart(
        { type: "base64", data: asString(inline.data) ?? "", mediaType },
        asString(field(inline, "displayName")),
        detail,
      ),
      ...sealed,
      ...native,
    } as Part;
  }
  const file = objectField(part, "fileData");
  if (file !== undefined) {
    const mediaType = asString(field(file, "mimeType"));
    const url = asString(field(file, "fileUri")) ?? "";
    return {
      ...mediaPart(
        { type: "url", url, ...(mediaType === undefined ? {} : { mediaType }) },
        asString(field(file, "displayName")),
        detail,
      ),
      ...sealed,
      ...native,
    } as Part;
  }
  const text = asString(part.text);
  if (text !== undefined) {
    return part.thought === true ? thinkingOf(text, sealed.sealed) : { type: "text", text, ...sealed, ...native };
  }
  // Executable code, its result and whatever Google adds next.
  if (rest === undefined && signature !== undefined) return { type: "text", text: "", ...sealed };
  return { type: "opaque", format: "gemini", value: part };
}

const LEVEL = /^MEDIA_RESOLUTION_(LOW|MEDIUM|HIGH|ULTRA_HIGH)$/;

/** The resolution that an image is looked at with is its detail; of other media it stays Google's own member. */
function splitDetail(part: JsonObject): { readonly part: JsonObject; readonly detail?: string } {
  const level = asString(objectField(part, "mediaResolution")?.level);
  const name = level === undefined ? undefined : LEVEL.exec(level)?.[1];
  const held = objectField(part, "inlineData") ?? objectField(part, "fileData");
  const mediaType = asString(field(held, "mimeType")) ?? "image/*";
  if (name === undefined || held === undefined || !mediaType.startsWith("image/")) return { part };
  const { mediaResolution: _, media_resolution: __, ...rest } = part;
  return { part: rest, detail: name.toLowerCase() };
}

/** The part type follows from the media type. */
export function mediaPart(source: MediaSource, filename?: string, detail?: string): Part {
  const mediaType = "mediaType" in source ? (source.mediaType ?? "") : "";
  if (mediaType.startsWith("image/") || detail !== undefined)
    return { type: "image", source, ...(detail === undefined ? {} : { detail }) };
  if (mediaType.startsWith("video/")) return { type: "video", source };
  if (mediaType.startsWith("audio/")) {
    const format = /^audio\/(?:x-)?([\w-]+)/.exec(mediaType)?.[1];
    return { type: "audio", source, ...(format === undefined ? {} : { format: format === "mpeg" ? "mp3" : format }) };
  }
  if (mediaType === "" && /\.(png|jpe?g|gif|webp)(\?|$)/i.test(source.type === "url" ? source.url : ""))
    return { type: "image", source };
  return { type: "file", source, ...(filename === undefined ? {} : { filename }) };
}

const RESPONSE_FIELDS = new Set(["id", "name", "response", "parts"]);

function restOf(response: JsonObject): Pick<ToolResultPart, "native"> {
  const rest = otherFields(response, RESPONSE_FIELDS);
  return rest === undefined ? {} : { native: { format: "gemini", value: rest } };
}

/** `response` is an object; what other formats give as text stands in it under `content`, `output`, `result` or `error`. */
function resultContent(response: JsonObject): { content: Part[]; isError?: boolean } {
  const value = response.response;
  const media = (Array.isArray(response.parts) ? (response.parts as readonly Json[]) : [])
    .filter(isObject)
    .map((part) => decodePart(part, new CallIds()));
  if (!isObject(value))
    return { content: value === undefined ? media : [{ type: "text", text: text(value) }, ...media] };
  const keys = Object.keys(value);
  const [only] = keys;
  if (
    keys.length === 1 &&
    only !== undefined &&
    ["content", "output", "result"].includes(only) &&
    typeof value[only] === "string"
  ) {
    return { content: [{ type: "text", text: value[only] as string }, ...media] };
  }
  if (keys.length === 1 && only === "error")
    return { content: [{ type: "text", text: text(value.error as Json) }, ...media], isError: true };
  return { content: [{ type: "text", text: JSON.stringify(value) }, ...media] };
}

function text(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
