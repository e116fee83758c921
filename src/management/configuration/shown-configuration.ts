import { createHash } from "node:crypto";
import { isObject, type Json, type JsonObject } from "../../json/json.ts";
import { isSecretName } from "../mask-secrets.ts";

const REFERENCE = /^os\.environ\//;
/** Maps whose members are told by none of their names. */
const SECRET_MAPS = new Set(["environment_variables", "extra_headers", "headers", "static_headers"]);
/** `scheme://user:password@host` */
const USER_INFO = /^([a-z][a-z0-9+.-]*:\/\/)([^/@\s]+)@/i;

/**
 * A configuration that may be shown: secrets are replaced by a short fingerprint, the same for the same value, so that a
 * changed secret shows as a change. References (`os.environ/NAME`) stay, since they hold nothing. Environment variables
 * and header fields are secrets altogether.
 */
export function shownConfiguration(document: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(document).map(([name, value]) => [name, value === undefined ? undefined : shown(name, value)]),
  );
}

function shown(name: string, value: Json): Json {
  if (SECRET_MAPS.has(name) || isSecretName(name) || name.toLowerCase() === "authorization") return fingerprints(value);
  if (Array.isArray(value)) return value.map((item: Json) => (isObject(item) ? shownConfiguration(item) : plain(item)));
  return isObject(value) ? shownConfiguration(value) : plain(value);
}

function plain(value: Json): Json {
  if (typeof value !== "string") return value;
  return value.replace(USER_INFO, (_, scheme: string, user: string) => `${scheme}${fingerprint(user)}@`);
}

function fingerprints(value: Json): Json {
  if (typeof value === "string") return REFERENCE.test(value) ? value : fingerprint(value);
  if (typeof value === "number") return fingerprint(String(value));
  if (Array.isArray(value)) return value.map(fingerprints);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : fingerprints(member)]),
  );
}

/** 32 bits: enough to see a change, too few to find the secret by. */
function fingerprint(secret: string): string {
  return `****${createHash("sha256").update(`isthmus configuration\n${secret}`).digest("hex").slice(0, 8)}`;
}
