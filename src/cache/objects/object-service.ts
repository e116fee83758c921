import type { OutboundRequest } from "../../providers/provider.ts";

/** One page of the names in a bucket. */
export interface ObjectPage {
  readonly names: readonly string[];
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
}

/** How one cloud's object storage is spoken to; the store above is the same for all. */
export interface ObjectService {
  readonly type: "s3" | "gcs" | "azure-blob";
  /** The address of an object; without a name, of the bucket. Names may hold anything. */
  url(name?: string): string;
  /** The query that lists names from `from` on. */
  listQuery(prefix: string, from: string | undefined): Readonly<Record<string, string>>;
  readPage(xml: string): ObjectPage;
  /** Headers that every write has. */
  readonly writeHeaders: Readonly<Record<string, string>>;
  /** Begins the header of an object's own metadata. */
  readonly metadataPrefix: string;
  /** The request with the credentials on it. */
  authorize(request: OutboundRequest): Promise<OutboundRequest>;
}

/** Listing as S3 does it (ListObjectsV2); Google's XML API does the same. */
export const s3Listing: Pick<ObjectService, "listQuery" | "readPage"> = {
  listQuery: (prefix, from) => ({
    "list-type": "2",
    prefix,
    "max-keys": "1000",
    ...(from === undefined ? {} : { "continuation-token": from }),
  }),
  readPage: (xml) => ({ names: xmlTexts(xml, "Key"), next: xmlTexts(xml, "NextContinuationToken")[0] }),
};

/** A name as part of a path: slashes divide it, everything else is encoded. */
export function objectPath(name: string): string {
  return name
    .split("/")
    .map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`))
    .join("/")
    .replace(/%[0-9a-f]{2}/g, (code) => code.toUpperCase());
}

/** The texts of all elements of a name. Names of objects are the only free text in these answers. */
export function xmlTexts(xml: string, element: string): string[] {
  return [...xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, "g"))].map(([, text]) =>
    (text as string)
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&apos;", "'")
      .replaceAll("&amp;", "&"),
  );
}
