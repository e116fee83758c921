import { pixelsOf } from "../providers/operation-usage.ts";
import { imageUpperBound, promptUpperBound } from "../usage/bounds.ts";
import type { UnitBucket } from "../usage/usage.ts";
import type { RequestContext } from "./request-context.ts";

/** What a call that is no conversation can consume at most. */
export interface OperationBounds {
  readonly inputTokens: number;
  /** Undefined: as a conversation's. */
  readonly outputTokens?: number;
  readonly units?: UnitCounts;
}

export type UnitCounts = { readonly [B in UnitBucket]?: number };

/** The most tokens that one drawn image has: 6,240 in the highest quality, and three partial images of 100 (https://developers.openai.com/api/docs/guides/image-generation, 2026-11). */
const DRAWN_IMAGE_TOKENS = 6_540;
/** The fewest bytes that a second of speech has in any codec in use: 8 kbit/s. */
const AUDIO_BYTES_PER_SECOND = 1_000;
/** Transcribing models hear ten tokens a second. */
const AUDIO_TOKENS_PER_SECOND = 10;
/** One search unit is a query with up to so many documents (https://docs.cohere.com/docs/rerank-understanding, 2026-11). */
const DOCUMENTS_PER_QUERY = 100;

/** Bounds of operations whose price does not follow from the bytes of their request; undefined for all others. */
export function operationBounds(context: RequestContext): OperationBounds | undefined {
  const { operation, body, bytes } = context;
  switch (operation) {
    case "image-generation":
    case "image-edit":
    case "image-variation": {
      const images = countOf(body.n);
      return {
        inputTokens: promptUpperBound(textBytes(context)) + imageUpperBound(filesOf(context).length),
        outputTokens: images * DRAWN_IMAGE_TOKENS,
        units: {
          output_images: images,
          output_pixels: images * pixelsOf(typeof body.size === "string" ? body.size : undefined),
        },
      };
    }
    case "transcription":
    case "translation": {
      const sound = filesOf(context).reduce((sum, { size }) => sum + size, 0);
      const seconds = Math.ceil(sound / AUDIO_BYTES_PER_SECOND);
      const inputTokens = promptUpperBound(textBytes(context)) + seconds * AUDIO_TOKENS_PER_SECOND;
      return { inputTokens, units: { input_seconds: seconds } };
    }
    case "speech": {
      const characters = typeof body.input === "string" ? body.input.length : 0;
      return { inputTokens: promptUpperBound(bytes), units: { input_characters: characters } };
    }
    case "rerank": {
      const documents = Array.isArray(body.documents) ? body.documents.length : 1;
      const queries = Math.max(1, Math.ceil(documents / DOCUMENTS_PER_QUERY));
      return { inputTokens: promptUpperBound(bytes), outputTokens: 0, units: { queries } };
    }
    case "embeddings":
      return { inputTokens: promptUpperBound(bytes), outputTokens: 0 };
    default:
      return undefined;
  }
}

function countOf(value: unknown): number {
  const count = Math.ceil(Number(value ?? 1));
  return Number.isFinite(count) && count > 1 ? count : 1;
}

function filesOf({ form }: RequestContext): readonly Blob[] {
  const files: Blob[] = [];
  for (const [, value] of form?.entries() ?? []) if (typeof value !== "string") files.push(value);
  return files;
}

/** Bytes of a request without its files. */
function textBytes({ form, bytes, body }: RequestContext): number {
  return form === undefined ? bytes : Buffer.byteLength(JSON.stringify(body));
}
