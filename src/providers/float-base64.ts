import { asArray, asNumber, type Json } from "../json/json.ts";

/** A vector as OpenAI's clients read `encoding_format: base64`: little-endian 32-bit floats. */
export function base64OfFloats(vector: Json): string {
  const numbers = asArray(vector);
  const view = new DataView(new ArrayBuffer(numbers.length * 4));
  numbers.forEach((number, index) => {
    view.setFloat32(index * 4, asNumber(number) ?? 0, true);
  });
  let binary = "";
  for (const byte of new Uint8Array(view.buffer)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
