import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import { badRequest } from "../refusals.ts";

const SALT_BYTES = 16;
const KEY_BYTES = 32;
const COST = { N: 16_384, r: 8, p: 1 };

/** LiteLLM's form: `scrypt:` and base64 of salt and key. Throws when the password is too easy to guess. */
export function hashPassword(password: string): string {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/];
  if (password.length < 12 || !kinds.every((kind) => kind.test(password))) {
    throw badRequest(
      "Password must have at least 12 characters, with an upper-case and a lower-case letter, a digit and a special character",
      "password",
    );
  }
  const salt = randomBytes(SALT_BYTES);
  return `scrypt:${Buffer.concat([salt, scryptSync(password, salt, KEY_BYTES, COST)]).toString("base64")}`;
}

export function verifyPassword(password: string, stored: string): boolean {
  if (!stored.startsWith("scrypt:")) return false;
  const bytes = Buffer.from(stored.slice("scrypt:".length), "base64");
  if (bytes.length !== SALT_BYTES + KEY_BYTES) return false;
  const key = scryptSync(password, bytes.subarray(0, SALT_BYTES), KEY_BYTES, COST);
  return timingSafeEqual(key, bytes.subarray(SALT_BYTES));
}
