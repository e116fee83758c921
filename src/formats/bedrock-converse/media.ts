import { asBoolean, asObject, asString, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { AudioPart, FilePart, ImagePart, MediaSource, Part, VideoPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { ownNative } from "./types.ts";

/** Converse's document formats (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html, 2026-11). */
const DOCUMENTS: Readonly<Record<string, string>> = {
  pdf: "application/pdf",
  csv: "text/csv",
  doc: "application/msword",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  xls: "application/vnd.ms-excel",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  html: "text/html",
  txt: "text/plain",
  md: "text/markdown",
};
const DOCUMENT_FORMATS = new Map(Object.entries(DOCUMENTS).map(([format, type]) => [type, format]));

function formatOf(mediaType: string | undefined): string | undefined {
  const subtype = mediaType?.split(";")[0]?.split("/")[1]?.toLowerCase();
  switch (subtype) {
    case "jpg":
      return "jpeg";
    case "3gpp":
      return "three_gp";
    case "quicktime":
      return "mov";
    case "x-matroska":
      return "mkv";
    case "x-wav":
      return "wav";
    default:
      return subtype;
  }
}

function decodeSource(source: JsonObject | undefined, mediaType: string): MediaSource | undefined {
  const data = asString(source?.bytes);
  if (data !== undefined) return { type: "base64", data, mediaType };
  const text = asString(source?.text);
  if (text !== undefined) return { type: "text", text, mediaType };
  const url = asString(asObject(source?.s3Location)?.uri);
  // A location with an owner of its own stays whole.
  if (url !== undefined && asObject(source?.s3Location)?.bucketOwner === undefined)
    return { type: "url", url, mediaType };
  return undefined;
}

/** An `image`, `video`, `audio` or `document` block; undefined where the conversation has no word for its source. */
export function decodeMedia(kind: string, block: JsonObject): Part | undefined {
  const format = asString(block.format);
  const source = asObject(block.source);
  if (kind === "document") return decodeDocument(block, format, source);
  if (kind !== "image" && kind !== "video" && kind !== "audio") return undefined;
  const held = decodeSource(source, `${kind}/${format ?? "*"}`);
  if (held === undefined) return undefined;
  return kind === "audio"
    ? { type: "audio", source: held, ...(format === undefined ? {} : { format }) }
    : { type: kind, source: held };
}

function decodeDocument(
  block: JsonObject,
  format: string | undefined,
  source: JsonObject | undefined,
): Part | undefined {
  const held = decodeSource(source, DOCUMENTS[format ?? "txt"] ?? "application/octet-stream");
  if (held === undefined) return undefined;
  const filename = asString(block.name);
  const context = asString(block.context);
  const citationsEnabled = asBoolean(asObject(block.citations)?.enabled);
  return {
    type: "file",
    source: held,
    ...(filename === undefined ? {} : { filename }),
    ...(context === undefined ? {} : { context }),
    ...(citationsEnabled === undefined ? {} : { citationsEnabled }),
  };
}

function encodeSource(source: MediaSource): JsonObject | undefined {
  switch (source.type) {
    case "base64":
      return { bytes: source.data };
    case "text":
      return { text: source.text };
    case "url":
      return source.url.startsWith("s3://") ? { s3Location: { uri: source.url } } : undefined;
    default:
      return undefined;
  }
}

/** An image, a video or a sound. Bedrock fetches nothing but what lies in S3. */
export function encodeMedia(
  part: ImagePart | VideoPart | AudioPart,
  where: string,
  context: RequestContext,
): JsonObject | undefined {
  const source = part.source.type === "text" ? undefined : encodeSource(part.source);
  const format = formatOf(part.source.mediaType) ?? (part.type === "audio" ? part.format : undefined);
  if (source === undefined || format === undefined) {
    context.report.unsupported(where, `Converse takes an ${part.type} as bytes or from S3, and its format`);
    return undefined;
  }
  if (part.type === "image" && part.detail !== undefined && part.detail !== "auto") {
    context.report.dropped(`${where}.image_url.detail`, "Converse has no resolution to choose");
  }
  return { [part.type]: { format, source, ...ownNative(part) } };
}

/** The extension is said by `format`. */
function withoutExtension(filename: string): string {
  return filename.replace(/\.[a-z0-9]{1,5}$/i, "");
}

/** Names of a request's documents: distinct, and of few characters (`DocumentBlock.name`, 2026-11). */
export class DocumentNames {
  readonly #taken = new Set<string>();

  take(filename: string | undefined): string {
    const bare = withoutExtension(filename ?? "document");
    const clean =
      bare
        .replace(/[^a-zA-Z0-9\s()[\]-]/g, "-")
        .replace(/\s+/g, " ")
        .trim()
        .slice(0, 190) || "document";
    let name = clean;
    for (let count = 2; this.#taken.has(name); count++) name = `${clean} (${count})`;
    this.#taken.add(name);
    return name;
  }
}

export function encodeDocument(
  part: FilePart,
  where: string,
  names: DocumentNames,
  context: RequestContext,
): JsonObject | undefined {
  const { source } = part;
  if (source.mediaType?.startsWith("image/") === true) return encodeMedia({ type: "image", source }, where, context);
  const format = documentFormat(part);
  const held = encodeSource(source);
  if (held === undefined || format === undefined) {
    const what = source.type === "base64" ? source.mediaType : `a file by ${source.type}`;
    context.report.unsupported(where, `Converse takes documents as bytes, as text or from S3, but not ${what}`);
    return undefined;
  }
  const name = names.take(part.filename);
  if (part.filename !== undefined && name !== withoutExtension(part.filename)) {
    context.report.renamed(`${where}.filename`, name, "Bedrock's names are distinct, and of few characters");
  }
  const document: MutableJsonObject = { format, name, source: held };
  if (part.context !== undefined) document.context = part.context;
  if (part.citationsEnabled !== undefined) document.citations = { enabled: part.citationsEnabled };
  return { document };
}

function documentFormat({ source, filename }: FilePart): string | undefined {
  const byType = DOCUMENT_FORMATS.get(source.mediaType?.split(";")[0] ?? "");
  if (byType !== undefined) return byType;
  const ending = /\.([a-z]+)$/i.exec(filename ?? (source.type === "url" ? source.url : ""))?.[1]?.toLowerCase();
  if (ending !== undefined && DOCUMENTS[ending] !== undefined) return ending;
  return source.type === "text" || source.mediaType?.startsWith("text/") === true ? "txt" : undefined;
}

/** Whether a message holds a document and nothing that is text, which Converse refuses. */
export function lacksText(content: readonly JsonObject[]): boolean {
  return content.some(({ document }) => document !== undefined) && !content.some(({ text }) => text !== undefined);
}
