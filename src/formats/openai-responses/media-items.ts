import type { JsonObject } from "../../json/json.ts";
import type { ImagePart, Part } from "../conversation.ts";
import { nativeValue } from "./wire.ts";

/** An image that the model made; one that lies elsewhere is named by its address. */
export function imageItem(part: ImagePart, id: string): JsonObject {
  const { source } = part;
  const format = source.type === "base64" ? source.mediaType.split("/")[1] : undefined;
  return {
    id,
    type: "image_generation_call",
    status: "completed",
    ...(format === undefined ? {} : { output_format: format }),
    result: source.type === "base64" ? source.data : source.type === "url" ? source.url : null,
    ...nativeValue(part),
  };
}

/** What can be said of a part that an answer of this format has no item for; undefined when there is nothing. */
export function mediaText(part: Part): string | undefined {
  switch (part.type) {
    case "audio":
      return part.transcript;
    case "file":
    case "video":
      if (part.source.type === "text") return part.source.text;
      return part.source.type === "url" ? part.source.url : undefined;
    default:
      return undefined;
  }
}
