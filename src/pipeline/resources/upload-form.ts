import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { StreamedBody } from "../../upstream/transport.ts";

/** A file of a form, kept on disk while its request lasts. */
export interface UploadedFile {
  /** The form's name for it. */
  readonly field: string;
  readonly filename: string;
  readonly contentType: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** A form that was read: its texts in memory, its files on disk. */
export interface UploadForm {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly files: readonly UploadedFile[];
  /** Folder of the files, for what is made of them; removed when the request is done. */
  readonly folder: string;
}

/** A form as it goes out: its files are read from disk while they are sent. */
export function outgoingForm({ fields, files }: Pick<UploadForm, "fields" | "files">): {
  readonly contentType: string;
  readonly body: StreamedBody;
} {
  const boundary = `isthmus-${crypto.randomUUID()}`;
  const pieces: (Uint8Array | UploadedFile)[] = [];
  const text = (value: string): void => void pieces.push(new TextEncoder().encode(value));
  for (const [name, value] of fields) {
    text(`--${boundary}\r\ncontent-disposition: form-data; name="${escaped(name)}"\r\n\r\n${value}\r\n`);
  }
  for (const file of files) {
    text(
      `--${boundary}\r\ncontent-disposition: form-data; name="${escaped(file.field)}"; ` +
        `filename="${escaped(file.filename)}"\r\ncontent-type: ${oneLine(file.contentType)}\r\n\r\n`,
    );
    pieces.push(file);
    text("\r\n");
  }
  text(`--${boundary}--\r\n`);
  const size = pieces.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.byteLength : piece.size), 0);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: {
      size,
      stream: () => Readable.toWeb(Readable.from(bytesOf(pieces))) as unknown as ReadableStream<Uint8Array>,
    },
  };
}

async function* bytesOf(pieces: readonly (Uint8Array | UploadedFile)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) yield piece;
    else if (piece.size > 0) yield* createReadStream(piece.path) as AsyncIterable<Uint8Array>;
  }
}

/** As browsers write names (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data). */
function escaped(name: string): string {
  return name.replace(/["\r\n]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

function oneLine(value: string): string {
  return value.replace(/[\r\n]/g, " ");
}
