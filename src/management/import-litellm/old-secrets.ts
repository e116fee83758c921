import { createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

const TAG_BYTES = 16;
const GCM_NONCE_BYTES = 12;
const BOX_NONCE_BYTES = 24;

/** What a text of LiteLLM's database turned out to be. */
export type OldText =
  /** It was sealed with this salt key. */
  | { readonly kind: "opened"; readonly text: string }
  /** Nothing that could have been sealed. */
  | { readonly kind: "plain"; readonly text: string }
  /** It looks sealed and does not open. Without a prefix it may also be a long plain text. */
  | { readonly kind: "closed"; readonly prefixed: boolean };

/**
 * Opens what LiteLLM sealed with `LITELLM_SALT_KEY` (its master key where there was none). Its forms: NaCl's SecretBox
 * without a prefix, AES-256-GCM after `v2:gcm:` and `v3:gcm:`; all in base64url, some old ones in plain base64.
 */
export class OldSecrets {
  /** Key of the SecretBox and of `v2`. */
  readonly #hashed: Buffer;
  readonly #derived: Buffer;

  constructor(saltKey: string) {
    this.#hashed = createHash("sha256").update(saltKey, "utf8").digest();
    this.#derived = Buffer.from(hkdfSync("sha256", saltKey, "", "litellm-at-rest-v3", 32));
  }

  read(text: string): OldText {
    if (text.startsWith("v2:gcm:")) return prefixed(openGcm(this.#hashed, text.slice(7)));
    if (text.startsWith("v3:gcm:")) return prefixed(openGcm(this.#derived, text.slice(7)));
    if (!/^[A-Za-z0-9_+/-]+={0,2}$/.test(text)) return { kind: "plain", text };
    const bytes = Buffer.from(text, "base64url");
    if (bytes.length < BOX_NONCE_BYTES + TAG_BYTES) return { kind: "plain", text };
    const opened = openBox(this.#hashed, bytes);
    return opened === undefined ? { kind: "closed", prefixed: false } : { kind: "opened", text: opened };
  }
}

function prefixed(opened: string | undefined): OldText {
  return opened === undefined ? { kind: "closed", prefixed: true } : { kind: "opened", text: opened };
}

function openBox(key: Buffer, bytes: Buffer): string | undefined {
  try {
    const text = xsalsa20poly1305(key, bytes.subarray(0, BOX_NONCE_BYTES)).decrypt(bytes.subarray(BOX_NONCE_BYTES));
    return Buffer.from(text).toString("utf8");
  } catch {
    // The library says nothing but that the tag is another one.
    return undefined;
  }
}

function openGcm(key: Buffer, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < GCM_NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, GCM_NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(GCM_NONCE_BYTES, bytes.length - TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
