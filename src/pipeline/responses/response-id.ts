import { createHmac, timingSafeEqual } from "node:crypto";
import type { Principal } from "../../auth/principal.ts";

/** Where an answer of the Responses API is kept. */
export interface ResponseReference {
  readonly provider: string;
  readonly deploymentId: string;
  /** The provider's own id, or one of the gateway's. */
  readonly id: string;
}

const PREFIX = "resp_";
const OWN = /^gw_[0-9a-f]{32}$/;
const TAG_BYTES = 12;

/** The id of an answer that the gateway keeps itself, made of the id of its call. */
export function ownResponseId(callId: string): string {
  return `gw_${callId.replaceAll("-", "").toLowerCase()}`;
}

/** Whether the gateway keeps the answer itself. */
export function isOwnResponseId(id: string): boolean {
  return OWN.test(id);
}

/**
 * Ids of answers as clients see them. In LiteLLM's way they say which deployment keeps the answer, so that whatever comes
 * next goes there; a signature says whose it is, so that nobody reads what another caller was told.
 */
export class ResponseIds {
  readonly #secret: string;

  /** All instances that share their clients must have the same secret. */
  constructor(secret: string) {
    this.#secret = secret;
  }

  write(reference: ResponseReference, principal: Principal): string {
    const text = payload(reference);
    const owners = scopesOf(principal).map(([kind, id]) => `${kind}.${this.#tag(text, kind, id)}`);
    return PREFIX + Buffer.from(`${text};owner:${owners.join(",")}`).toString("base64url");
  }

  /** What an id refers to; undefined when this gateway did not make it. */
  read(id: string): (ResponseReference & { readonly owners: string }) | undefined {
    if (!id.startsWith(PREFIX)) return undefined;
    const text = Buffer.from(id.slice(PREFIX.length), "base64url").toString("latin1");
    const found = /^litellm:custom_llm_provider:([^;]*);model_id:([^;]*);response_id:([^;]*);owner:([\w.,-]*)$/.exec(
      text,
    );
    if (found === null) return undefined;
    try {
      return {
        provider: decodeURIComponent(found[1] ?? ""),
        deploymentId: decodeURIComponent(found[2] ?? ""),
        id: decodeURIComponent(found[3] ?? ""),
        owners: found[4] ?? "",
      };
    } catch {
      // A malformed escape: not written here.
      return undefined;
    }
  }

  /** Administrators own everything. */
  owns(reference: ResponseReference & { readonly owners: string }, principal: Principal): boolean {
    if (principal.role === "proxy_admin") return true;
    const text = payload(reference);
    const tags = new Map(reference.owners.split(",").map((owner) => [owner.slice(0, 1), owner.slice(2)] as const));
    return scopesOf(principal).some(([kind, id]) => equal(tags.get(kind), this.#tag(text, kind, id)));
  }

  #tag(text: string, kind: string, id: string): string {
    return createHmac("sha256", this.#secret)
      .update(`${kind}\0${id}\0${text}`)
      .digest()
      .subarray(0, TAG_BYTES)
      .toString("base64url");
  }
}

function payload({ provider, deploymentId, id }: ResponseReference): string {
  const [a, b, c] = [provider, deploymentId, id].map(encodeURIComponent);
  return `litellm:custom_llm_provider:${a};model_id:${b};response_id:${c}`;
}

/** A user's keys share, and so do a team's; a key without either stands for itself. */
function scopesOf(principal: Principal): readonly (readonly ["u" | "t" | "k", string])[] {
  const { userId, teamId, keyHash } = principal;
  const scopes: (readonly ["u" | "t" | "k", string])[] = [];
  if (userId !== undefined) scopes.push(["u", userId]);
  if (teamId !== undefined) scopes.push(["t", teamId]);
  return scopes.length === 0 ? [["k", keyHash]] : scopes;
}

function equal(a: string | undefined, b: string): boolean {
  return a !== undefined && a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
