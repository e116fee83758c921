import { createHash, timingSafeEqual } from "node:crypto";
import { GatewayError } from "../errors/gateway-error.ts";
import { authenticationError } from "./presented-key.ts";
import { MASTER_PRINCIPAL, type Principal } from "./principal.ts";

const CACHE_LIMIT = 10_000;

/** Finds out who presents a key. One instance per snapshot of the settings that it depends on. */
export class Authenticator {
  readonly #masterDigest: Buffer;
  /** Keys that were verified; bounded. Holding the text costs nothing that the request did not already hold. */
  readonly #verified = new Map<string, Principal>();

  constructor(masterKey: string) {
    this.#masterDigest = digest(masterKey);
  }

  /** Throws the caller's refusal; never says whether a key exists beyond what LiteLLM's own answers say. */
  authenticate(key: string): Principal {
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    if (timingSafeEqual(digest(key), this.#masterDigest)) return this.#remember(key, MASTER_PRINCIPAL);
    if (!key.startsWith("sk-")) {
      throw authenticationError(
        `Authentication Error, LiteLLM Virtual Key expected. Received=${masked(key)}, expected to start with 'sk-'.`,
      );
    }
    throw new GatewayError(
      "authentication",
      `Authentication Error, Invalid proxy server token passed. Received API Key = ${abbreviated(key)}, ` +
        `Key Hash (Token) =${hashKey(key)}. Unable to find token in cache or \`LiteLLM_VerificationTokenTable\``,
      { type: "token_not_found_in_db", param: "key" },
    );
  }

  #remember(key: string, principal: Principal): Principal {
    if (this.#verified.size >= CACHE_LIMIT) this.#verified.clear();
    this.#verified.set(key, principal);
    return principal;
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The form in which keys are kept: SHA-256 in hexadecimal. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** `sk-...WXYZ`. */
export function abbreviated(key: string): string {
  return `sk-...${key.slice(-4)}`;
}

function masked(key: string): string {
  return key.length <= 8 ? "****" : `${key.slice(0, 4)}****${key.slice(-4)}`;
}
