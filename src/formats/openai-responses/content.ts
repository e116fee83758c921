import { GatewayError } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { MediaSource, Part } from "../conversation.ts";
import { decodeAnnotations } from "./annotations.ts";
import { FORMAT, otherMembers, withNative } from "./wire.ts";

const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  input_text: new Set(["prompt_cache_breakpoint", "type", "text"]),
  text: new Set(["prompt_cache_breakpoint", "type", "text"]),
  output_text: new Set(["type", "text", "annotations", "logprobs"]),
  refusal: new Set(["type", "refusal"]),
  input_image: new Set(["prompt_cache_breakpoint", "type", "image_url", "file_id", "detail"]),
  input_file: new Set(["prompt_cache_breakpoint", "type", "file_id", "file_data", "file_url", "filename"]),
  input_audio: new Set(["prompt_cache_breakpoint", "type", "input_audio"]),
};

/** Content of a message or of a tool's output: a text or a list of parts. Throws for what is neither, naming `where`. */
export function decodeContent(content: Json | undefined, where: string, item?: JsonObject): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content, ...withNative(item && { item }) }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) {
    throw new GatewayError("invalid_request", `${where} must be a string or a list of content parts.`, {
      param: where,
    });
  }
  return asArray(content).map((part, index) => {
    if (!isObject(part)) {
      const param = `${where}[${index}]`;
      throw new GatewayError("invalid_request", `${param} must be an object.`, { param });
    }
    return decodeContentPart(part, item);
  });
}

/** One content part; `item` are the members of its message that it keeps. */
export function decodeContentPart(part: JsonObject, item?: JsonObject): Part {
  const type = asString(part.type) ?? "";
  const rest = otherMembers(part, KNOWN[type] ?? new Set());
  const cache = asObject(part.prompt_cache_breakpoint) === undefined ? {} : { cache: {} };
  const native = withNative(rest === undefined && item === undefined ? undefined : { ...rest, ...(item && { item }) });
  switch (type) {
    case "input_text":
    case "text":
    case "output_text": {
      const citations = decodeAnnotations(asArray(part.annotations));
      return {
        type: "text",
        text: asString(part.text) ?? "",
        ...(citations.length === 0 ? {} : { citations }),
        ...cache,
        ...native,
      };
    }
    case "refusal":
      return { type: "refusal", text: asString(part.refusal) ?? "", ...cache, ...native };
    case "input_image": {
      // Clients of Chat Completions write the address into an object.
      const url = asString(part.image_url) ?? asString(asObject(part.image_url)?.url);
      const source = url === undefined ? fileId(part) : sourceOf(url, "image/png");
      const detail = asString(part.detail) ?? asString(asObject(part.image_url)?.detail);
      if (source === undefined) break;
      return { type: "image", source, ...(detail === undefined ? {} : { detail }), ...cache, ...native };
    }
    case "input_file": {
      const data = asString(part.file_data);
      const url = asString(part.file_url);
      const filename = asString(part.filename);
      const source =
        data !== undefined
          ? sourceOf(data, "application/pdf", true)
          : url === undefined
            ? fileId(part)
            : ({ type: "url", url } as const);
      if (source === undefined) break;
      return { type: "file", source, ...(filename === undefined ? {} : { filename }), ...cache, ...native };
    }
    case "input_audio": {
      const audio = asObject(part.input_audio);
      const data = asString(audio?.data);
      const format = asString(audio?.format) ?? "wav";
      if (data === undefined) break;
      const mediaType = format === "mp3" ? "audio/mpeg" : `audio/${format}`;
      return { type: "audio", source: { type: "base64", data, mediaType }, format, ...cache, ...native };
    }
  }
  return { type: "opaque", format: FORMAT, value: part };
}

function fileId(part: JsonObject): MediaSource | undefined {
  const id = asString(part.file_id);
  return id === undefined ? undefined : { type: "file-id", id };
}

/** A data URI or an address; `bare` says that text which is neither is base64. */
function sourceOf(text: string, mediaType: string, bare = false): MediaSource {
  const match = /^data:([^;,]*)((?:;[^;,]*)*),/.exec(text);
  if (match === null) return bare ? { type: "base64", data: text, mediaType } : { type: "url", url: text };
  const data = text.slice(match[0].length);
  const type = match[1] === "" || match[1] === undefined ? mediaType : match[1];
  if ((match[2] ?? "").endsWith(";base64")) return { type: "base64", data, mediaType: type };
  return { type: "url", url: text, mediaType: type };
}
