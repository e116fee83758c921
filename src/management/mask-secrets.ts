import { isObject, type Json, type JsonObject } from "../json/json.ts";

const SECRET_NAMES =
  /(^|_)(key|api_key|apikey|secret|password|token|credential|credentials|credential_values|authorization|private|signature)(_|$)/i;
/** Names that look like secrets and are none. */
const PLAIN_NAMES =
  /(^|_)(max|min|input|output|cost|limit|budget|tokens|tpm|rpm|type|name|names|alias|aliases|hash|id|ids)(_|$)|^token$/i;

/** A copy in which the values of members that sound secret are masked: four characters at either end at most. */
export function maskSecrets(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : maskMember(name, member)]),
  );
}

export function isSecretName(name: string): boolean {
  return SECRET_NAMES.test(name) && !PLAIN_NAMES.test(name);
}

function maskMember(name: string, value: Json): Json {
  if (isSecretName(name)) return maskAll(value);
  if (Array.isArray(value)) return value.map((item: Json) => (isObject(item) ? maskSecrets(item) : item));
  return isObject(value) ? maskSecrets(value) : value;
}

/** Masks every string in a value. */
export function maskAll(value: Json): Json {
  if (typeof value === "string") return maskText(value);
  if (Array.isArray(value)) return value.map(maskAll);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : maskAll(member)]),
  );
}

export function maskText(text: string): string {
  return text.length < 16 ? "****" : `${text.slice(0, 4)}****${text.slice(-4)}`;
}
