import { createHash } from "node:crypto";

/** What stands in the ledger for a key's hash where a user comes with a token of its identity provider. */
export function tokenHash(userId: string | undefined, teamId: string | undefined): string {
  return createHash("sha256")
    .update(`token:${JSON.stringify([userId ?? null, teamId ?? null])}`)
    .digest("hex");
}
