import { type Connection, ObjectTable } from "./object-table.ts";
import type { VirtualKeyTable } from "./tables.ts";

export type KeyRow = Readonly<VirtualKeyTable>;

/** Virtual keys by their token. */
export const keys = new ObjectTable("virtual_key", "token");

/** The key whose token was replaced by another and is still good. */
export async function findReplacedKey(connection: Connection, token: string, now: number): Promise<KeyRow | undefined> {
  return connection
    .selectFrom("deprecated_key")
    .innerJoin("virtual_key", "virtual_key.token", "deprecated_key.active_token")
    .selectAll("virtual_key")
    .where("deprecated_key.token", "=", token)
    .where("deprecated_key.revoke_at", ">", now)
    .executeTakeFirst();
}

/** Lets a replaced token open the key until `revokeAt`; tokens that were replaced before follow to the new one. */
export async function replaceToken(
  transaction: Connection,
  replaced: { readonly old: string; readonly token: string; readonly revokeAt: number },
): Promise<void> {
  await transaction
    .updateTable("deprecated_key")
    .set({ active_token: replaced.token })
    .where("active_token", "=", replaced.old)
    .execute();
  await transaction
    .insertInto("deprecated_key")
    .values({ token: replaced.old, active_token: replaced.token, revoke_at: replaced.revokeAt })
    .onConflict((conflict) =>
      conflict.column("token").doUpdateSet({ active_token: replaced.token, revoke_at: replaced.revokeAt }),
    )
    .execute();
}

/** Forgets the replaced tokens of keys. */
export async function forgetReplacedTokens(transaction: Connection, tokens: readonly string[]): Promise<void> {
  if (tokens.length === 0) return;
  await transaction.deleteFrom("deprecated_key").where("active_token", "in", tokens).execute();
}
