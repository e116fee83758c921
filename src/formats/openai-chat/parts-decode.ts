import { GatewayError } from "../../errors/gateway-error.ts";
import {
  asArray,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../../json/json.ts";
import type { CacheMark, MediaSource, Part } from "../conversation.ts";
import { uncarry } from "../sealed.ts";

export function invalid(param: string, what: string): GatewayError {
  return new GatewayError("invalid_request", `Invalid request: '${param}' ${what}`, { param });
}

/** `cache_control`, LiteLLM's mark on messages, parts and tools, or OpenAI's own on parts, whose time is not chosen here. */
export function cacheOf(holder: JsonObject): { cache?: CacheMark } {
  const control = asObject(holder.cache_control);
  if (control === undefined) return asObject(holder.prompt_cache_breakpoint) === undefined ? {} : { cache: {} };
  const ttl = asString(control.ttl);
  return { cache: ttl === "5m" || ttl === "1h" ? { ttl } : {} };
}

/** The members of `object` that are not in `known`. */
export function others(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  const rest: MutableJsonObject = {};
  for (const [name, value] of Object.entries(object)) if (!known.has(name) && value !== undefined) rest[name] = value;
  return Object.keys(rest).length === 0 ? undefined : rest;
}

/** `data:image/png;base64,…` taken apart; other text is an address. */
export function mediaSource(url: string, mediaType?: string): MediaSource {
  const found = /^data:([^;,]*)((?:;[^;,]*)*?)(;base64)?,/.exec(url);
  if (found === null) return { type: "url", url, ...(mediaType === undefined ? {} : { mediaType }) };
  const data = url.slice(found[0].length);
  const type = mediaType ?? (found[1] === "" ? "application/octet-stream" : (found[1] as string));
  if (found[3] !== undefined) return { type: "base64", data, mediaType: type };
  return { type: "text", text: decodeURIComponent(data), mediaType: type };
}

/** The content of a message: text, a list of parts, or nothing. */
export function decodeContent(content: Json | undefined, path: string): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) throw invalid(path, "must be a string or a list of parts");
  return (content as readonly Json[]).flatMap((part, index) => decodePart(part, `${path}[${index}]`));
}

function decodePart(part: Json, path: string): Part[] {
  if (typeof part === "string") return [{ type: "text", text: part }];
  if (!isObject(part)) throw invalid(path, "must be an object");
  const cache = cacheOf(part);
  switch (part.type) {
    case "text":
    case "input_text":
    case "output_text": {
      if (typeof part.text !== "string") throw invalid(`${path}.text`, "must be a string");
      return [{ type: "text", text: part.text, ...cache }];
    }
    case "refusal":
      return [{ type: "refusal", text: asString(part.refusal) ?? "" }];
    case "image_url":
    case "input_image": {
      const image = asObject(part.image_url);
      const url = asString(image?.url) ?? asString(part.image_url);
      if (url === undefined) throw invalid(`${path}.image_url.url`, "must be a string");
      const detail = asString(image?.detail) ?? asString(part.detail);
      return [
        {
          type: "image",
          source: mediaSource(url, asString(image?.format)),
          ...(detail === undefined ? {} : { detail }),
          ...cache,
        },
      ];
    }
    case "input_audio": {
      const audio = asObject(part.input_audio);
      const data = asString(audio?.data);
      if (data === undefined) throw invalid(`${path}.input_audio.data`, "must be a string");
      const format = asString(audio?.format) ?? "wav";
      const mediaType = `audio/${format === "mp3" ? "mpeg" : format}`;
      return [{ type: "audio", source: { type: "base64", data, mediaType }, format, ...cache }];
    }
    case "video_url": {
      const url = asString(asObject(part.video_url)?.url) ?? asString(part.video_url);
      if (url === undefined) throw invalid(`${path}.video_url.url`, "must be a string");
      return [{ type: "video", source: mediaSource(url, asString(asObject(part.video_url)?.format)), ...cache }];
    }
    case "file":
      return [decodeFile(asObject(part.file), path, cache)];
    case "thinking": {
      const signature = asString(part.signature);
      const text =
        typeof part.thinking === "string"
          ? part.thinking
          : asArray(part.thinking)
              .map((piece) => asString(asObject(piece)?.text) ?? "")
              .join("");
      return [
        { type: "thinking", text, ...(signature === undefined ? {} : { sealed: uncarry(signature, "anthropic") }) },
      ];
    }
    case "redacted_thinking":
      return [{ type: "thinking", text: "", redacted: true, sealed: uncarry(asString(part.data) ?? "", "anthropic") }];
    default:
      return [{ type: "opaque", format: "openai-chat", value: part }];
  }
}

function decodeFile(file: JsonObject | undefined, path: string, cache: { cache?: CacheMark }): Part {
  if (file === undefined) throw invalid(`${path}.file`, "must be an object");
  const filename = asString(file.filename);
  const named = filename === undefined ? {} : { filename };
  const format = asString(file.format);
  const data = asString(file.file_data);
  const id = asString(file.file_id);
  if (data !== undefined) {
    // OpenAI takes bare base64 as well as a data URI.
    const source =
      data.startsWith("data:") || /^https?:/.test(data)
        ? mediaSource(data, format)
        : ({ type: "base64", data, mediaType: format ?? "application/pdf" } as const);
    return { type: "file", source, ...named, ...cache };
  }
  if (id === undefined) throw invalid(`${path}.file`, "needs file_data or file_id");
  const source: MediaSource = /^(https?|gs):/.test(id)
    ? { type: "url", url: id, ...(format === undefined ? {} : { mediaType: format }) }
    : { type: "file-id", id, ...(format === undefined ? {} : { mediaType: format }) };
  return { type: "file", source, ...named, ...cache };
}
