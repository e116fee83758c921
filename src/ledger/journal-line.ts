import type { LeaseRecord, SpendRecord } from "./record.ts";

/**
 * One line of a journal: eight hexadecimal digits of CRC-32 over the rest, a letter (`L` lease, `S` settlement), the
 * record as JSON, a newline. JSON text has no raw newline, so a newline ends a line and nothing else.
 */
export type JournalEntry =
  | { readonly kind: "lease"; readonly record: LeaseRecord }
  | { readonly kind: "settlement"; readonly record: SpendRecord };

const CHECKSUM_DIGITS = 8;
const NEWLINE = 0x0a;
const HEX = new TextEncoder().encode("0123456789abcdef");

/** A UTF-16 unit takes at most three bytes in UTF-8. */
const BYTES_PER_UNIT = 3;

/** Encodes lines into one buffer that it uses again and again. */
export class JournalLineEncoder {
  readonly #encoder = new TextEncoder();
  #buffer = new Uint8Array(64 * 1024);

  /** The bytes of the line; valid until the next call. Throws a TypeError when the record has no JSON text. */
  encode(kind: JournalEntry["kind"], record: LeaseRecord | SpendRecord): Uint8Array {
    const text = (kind === "lease" ? "L" : "S") + JSON.stringify(record);
    const needed = CHECKSUM_DIGITS + text.length * BYTES_PER_UNIT + 1;
    // One record with huge metadata must not keep its memory for ever.
    const buffer = needed <= this.#buffer.length ? this.#buffer : new Uint8Array(needed);
    const { written } = this.#encoder.encodeInto(text, buffer.subarray(CHECKSUM_DIGITS));
    const end = CHECKSUM_DIGITS + written;
    let checksum = Bun.hash.crc32(buffer.subarray(CHECKSUM_DIGITS, end));
    for (let digit = CHECKSUM_DIGITS - 1; digit >= 0; digit--) {
      buffer[digit] = HEX[checksum & 15] ?? 0;
      checksum >>>= 4;
    }
    buffer[end] = NEWLINE;
    return buffer.subarray(0, end + 1);
  }
}

const decoder = new TextDecoder();

/** Reads one line without its newline. Returns undefined when it is not what was written. */
export function decodeJournalLine(line: Uint8Array): JournalEntry | undefined {
  if (line.length <= CHECKSUM_DIGITS + 1) return undefined;
  const checksum = Bun.hash.crc32(line.subarray(CHECKSUM_DIGITS)).toString(16).padStart(CHECKSUM_DIGITS, "0");
  if (decoder.decode(line.subarray(0, CHECKSUM_DIGITS)) !== checksum) return undefined;
  const kind = line[CHECKSUM_DIGITS];
  const text = decoder.decode(line.subarray(CHECKSUM_DIGITS + 1));
  // The checksum holds, so the text is what was written: JSON of a record.
  if (kind === 0x4c) return { kind: "lease", record: JSON.parse(text) as LeaseRecord };
  if (kind === 0x53) return { kind: "settlement", record: JSON.parse(text) as SpendRecord };
  return undefined;
}
