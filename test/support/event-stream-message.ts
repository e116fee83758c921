import { crc32 } from "node:zlib";

/** One message of an AWS event stream, written independently of the code under test. */
export function eventStreamMessage(
  headers: Readonly<Record<string, string | boolean | number>>,
  payload: string,
): Uint8Array {
  const block = Buffer.concat(Object.entries(headers).map(([name, value]) => headerBytes(name, value)));
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(8);
  prelude.writeUInt32BE(16 + block.length + body.length, 0);
  prelude.writeUInt32BE(block.length, 4);
  const message = Buffer.concat([prelude, checksum(prelude), block, body]);
  return new Uint8Array(Buffer.concat([message, checksum(message)]));
}

function headerBytes(name: string, value: string | boolean | number): Buffer {
  const start = Buffer.concat([Buffer.from([name.length]), Buffer.from(name)]);
  if (typeof value === "boolean") return Buffer.concat([start, Buffer.from([value ? 0 : 1])]);
  if (typeof value === "number") {
    const held = Buffer.alloc(5, 4);
    held.writeInt32BE(value, 1);
    return Buffer.concat([start, held]);
  }
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([start, Buffer.from([7]), length, text]);
}

function checksum(bytes: Buffer): Buffer {
  const held = Buffer.alloc(4);
  held.writeUInt32BE(crc32(bytes));
  return held;
}
