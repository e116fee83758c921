import { createHash, timingSafeEqual } from "node:crypto";
import { GatewayError } from "../errors/gateway-error.ts";
import { authenticationError } from "./presented-key.ts";
import { MASTER_PRINCIPAL, type Principal } from "./principal.ts";

/** Keys kept in memory. */
const CACHE_LIMIT = 10_000;
/** A key that was looked up is good for this long without asking again: the longest that a change elsewhere takes. */
const FRESH_MS = 5_000;
/** While the database is away, keys that were known go on for this long. */
const STALE_MS = 600_000;

/** Who finds the principal of a key's hash; undefined for a key that nobody knows. Rejects when nobody can tell. */
export type FindKey = (hash: string) => Promise<Principal | undefined>;

export interface AuthenticatorOptions {
  readonly masterKey: string;
  /** Absent: only the master key is known. */
  readonly find?: FindKey;
  /** Who presents a token of an identity provider. Absent: there are none. */
  readonly tokens?: Tokens;
  /** Milliseconds since the epoch, for expiry. */
  readonly now?: () => number;
}

/** Tokens of identity providers. */
export interface Tokens {
  /** Whether what was presented is such a token. */
  accepts(presented: string): boolean;
  /** Rejects with the caller's refusal, or when nobody can tell. */
  find(token: string): Promise<Principal>;
}

interface Known {
  /** Undefined: nobody knows the key. */
  readonly principal: Principal | undefined;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** Finds out who presents a key. */
export class Authenticator {
  readonly #masterKey: string;
  readonly #masterDigest: Buffer;
  readonly #find: FindKey | undefined;
  readonly #tokens: Tokens | undefined;
  readonly #now: () => number;
  /** By the key itself: holding the text costs nothing that the request did not already hold. Bounded. */
  readonly #known = new Map<string, Known>();
  readonly #finding = new Map<string, Promise<Principal | undefined>>();

  constructor(options: AuthenticatorOptions | string) {
    const { masterKey, find, now, tokens } = typeof options === "string" ? { masterKey: options } : options;
    this.#masterKey = masterKey;
    this.#masterDigest = digest(masterKey);
    this.#find = find;
    this.#tokens = tokens;
    this.#now = now ?? Date.now;
  }

  /**
   * Throws (or rejects with) the caller's refusal; never says whether a key exists beyond what LiteLLM's own answers
   * say. A promise only when the key has to be looked up.
   */
  authenticate(key: string): Principal | Promise<Principal> {
    const known = this.#known.get(key);
    if (known !== undefined && performance.now() - known.at < FRESH_MS) return this.#admit(key, known.principal);
    if (timingSafeEqual(digest(key), this.#masterDigest)) return this.#remember(key, MASTER_PRINCIPAL) as Principal;
    const tokens = this.#tokens;
    if (tokens?.accepts(key) === true) return this.#lookUp(key, known, () => tokens.find(key));
    if (!key.startsWith("sk-")) {
      throw authenticationError(
        `Authentication Error, LiteLLM Virtual Key expected. Received=${masked(key)}, expected to start with 'sk-'.`,
      );
    }
    if (this.#find === undefined) throw unknownKey(key);
    const find = this.#find;
    return this.#lookUp(key, known, () => find(hashKey(key)));
  }

  /** Whatever was known is asked again: something that keys depend on has changed. */
  forget(): void {
    const master = this.#known.get(this.#masterKey);
    this.#known.clear();
    // What is being read may be what was before the change.
    this.#finding.clear();
    if (master !== undefined) this.#known.set(this.#masterKey, master);
  }

  async #lookUp(key: string, known: Known | undefined, find: () => ReturnType<FindKey>): Promise<Principal> {
    try {
      return this.#admit(key, await this.#found(key, find));
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      if (known?.principal !== undefined && performance.now() - known.at < STALE_MS) {
        return this.#admit(key, known.principal);
      }
      throw new GatewayError("service_unavailable", "The key cannot be looked up at the moment", { cause });
    }
  }

  /** Requests that come at the same time with one key ask for it once. */
  #found(key: string, find: () => ReturnType<FindKey>): Promise<Principal | undefined> {
    let finding = this.#finding.get(key);
    if (finding === undefined) {
      finding = find()
        .then((principal) => (this.#finding.get(key) === finding ? this.#remember(key, principal) : principal))
        .finally(() => {
          if (this.#finding.get(key) === finding) this.#finding.delete(key);
        });
      this.#finding.set(key, finding);
    }
    return finding;
  }

  #admit(key: string, principal: Principal | undefined): Principal {
    if (principal === undefined) throw unknownKey(key);
    const { grant } = principal;
    if (grant === undefined) return principal;
    if (grant.blocked !== undefined) throw authenticationError(`Authentication Error, ${grant.blocked}`);
    const now = this.#now();
    if (grant.expires !== undefined && grant.expires <= now) {
      throw authenticationError(
        `Authentication Error - Expired Key. Key Expiry time ${isoTime(grant.expires)} and current time ${isoTime(now)}`,
        "expired_key",
        abbreviated(key),
      );
    }
    return principal;
  }

  #remember(key: string, principal: Principal | undefined): Principal | undefined {
    if (this.#known.size >= CACHE_LIMIT) this.forget();
    this.#known.set(key, { principal, at: key === this.#masterKey ? Number.POSITIVE_INFINITY : performance.now() });
    return principal;
  }
}

function unknownKey(key: string): GatewayError {
  return new GatewayError(
    "authentication",
    `Authentication Error, Invalid proxy server token passed. Received API Key = ${abbreviated(key)}, ` +
      `Key Hash (Token) =${hashKey(key)}. Unable to find token in cache or \`LiteLLM_VerificationTokenTable\``,
    { type: "token_not_found_in_db", param: "key" },
  );
}

function isoTime(at: number): string {
  return new Date(at).toISOString().replace("T", " ").replace("Z", "+00:00");
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
