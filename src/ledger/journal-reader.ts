import { closeSync, openSync, readSync } from "node:fs";
import { decodeJournalLine, type JournalEntry } from "./journal-line.ts";

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;

export interface JournalReaderOptions {
  /** First byte to read; the start of a line. Default 0. */
  readonly from?: number;
  /** Byte to stop before; the end of a line. Default: the end of the file. */
  readonly to?: number;
  /** Told of every complete line that is not what was written, by the offset of its first byte. */
  readonly onCorrupt: (offset: number, length: number) => void;
}

/**
 * The entries of a journal file in the order in which they were written, a chunk in memory at a time. A corrupt line
 * is reported and skipped. What stands after the last newline was being written when its process died and is ignored.
 */
export function* readJournal(path: string, options: JournalReaderOptions): Generator<JournalEntry> {
  const { from = 0, to = Number.POSITIVE_INFINITY, onCorrupt } = options;
  const file = openSync(path, "r");
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    let rest: Uint8Array = new Uint8Array(0);
    let lineStart = from;
    for (let position = from; position < to; ) {
      const count = readSync(file, chunk, 0, Math.min(CHUNK_BYTES, to - position), position);
      if (count === 0) return;
      position += count;
      const bytes = rest.length === 0 ? chunk.subarray(0, count) : joined(rest, chunk.subarray(0, count));
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE, rest.length); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        const entry = decodeJournalLine(bytes.subarray(start, end));
        if (entry === undefined) onCorrupt(lineStart, end - start);
        else yield entry;
        lineStart += end + 1 - start;
        start = end + 1;
      }
      rest = bytes.slice(start);
    }
  } finally {
    closeSync(file);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
