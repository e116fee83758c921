import { asObject, asString, type JsonObject, parseJson } from "../../src/json/json.ts";

/**
 * The messages of an AWS event stream as `{[event type]: payload}`; the payload of a `chunk` is the model's own event.
 * Written apart from the gateway's reader, whose results it is held against.
 */
export function eventStreamPayloads(bytes: Uint8Array): JsonObject[] {
  const found: JsonObject[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (from: number, to: number): string => new TextDecoder().decode(bytes.subarray(from, to));
  for (let at = 0; at + 16 <= bytes.length; at += view.getUint32(at)) {
    const payload = at + 12 + view.getUint32(at + 4);
    const headers: Record<string, string> = {};
    for (let header = at + 12; header < payload; ) {
      const value = header + 1 + view.getUint8(header);
      const length = view.getUint16(value + 1);
      headers[text(header + 1, value)] = text(value + 3, value + 3 + length);
      header = value + 3 + length;
    }
    const body = asObject(parseJson(text(payload, at + view.getUint32(at) - 4))) ?? {};
    const type = headers[":event-type"] ?? headers[":exception-type"] ?? "error";
    const inner = type === "chunk" ? asString(body.bytes) : undefined;
    found.push(
      inner === undefined
        ? { [type]: body }
        : (asObject(parseJson(new TextDecoder().decode(Buffer.from(inner, "base64")))) ?? {}),
    );
  }
  return found;
}
