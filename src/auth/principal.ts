import type { Grant } from "./grant.ts";
import type { Role } from "./permissions.ts";

/** Who calls. */
export interface Principal {
  /** SHA-256 of the key in hexadecimal; the master key is known by name instead. */
  readonly keyHash: string;
  readonly keyAlias?: string;
  readonly role: Role;
  readonly userId?: string;
  readonly teamId?: string;
  readonly teamAlias?: string;
  readonly organizationId?: string;
  /** The end user that a token names; it wins over what a request says. */
  readonly endUser?: string;
  /**
   * The same caller as a member of its other teams, in their order: the first whose team may call the model calls it. Absent for
   * keys.
   */
  readonly otherTeams?: readonly Principal[];
  /** The same caller as a member of teams that it calls for only where a request names them. */
  readonly teamsByName?: readonly Principal[];
  /** The only routes that the key may call: paths, prefixes, patterns, names of groups; empty or absent for all. */
  readonly allowedRoutes?: readonly string[];
  /** What the key may use; absent for the master key, which may use everything. */
  readonly grant?: Grant;
}

/** What stands in the ledger instead of the master key's hash, as in LiteLLM since 1.84. */
export const MASTER_KEY_NAME = "litellm_proxy_master_key";

export const MASTER_PRINCIPAL: Principal = {
  keyHash: MASTER_KEY_NAME,
  role: "proxy_admin",
  userId: "default_user_id",
};
