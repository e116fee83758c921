import type { MediaSource } from "../conversation.ts";

const BASE64_URL = /^data:([^;,]*)(?:;[^;,]+)*;base64,/i;

/** An image's address: a web address or a data URL. */
export function decodeMediaUrl(url: string): MediaSource {
  const head = BASE64_URL.exec(url);
  if (head === null) return { type: "url", url };
  const mediaType = head[1] === undefined || head[1] === "" ? "application/octet-stream" : head[1];
  return { type: "base64", data: url.slice(head[0].length), mediaType };
}

/** The address that Cohere takes for a source; undefined where it takes none (stored files, text). */
export function encodeMediaUrl(source: MediaSource): string | undefined {
  switch (source.type) {
    case "url":
      return source.url;
    case "base64":
      return `data:${source.mediaType};base64,${source.data}`;
    default:
      return undefined;
  }
}
