/** A new call id: a UUID of version 7, so that ledger rows of one time lie together in their index. */
export function newCallId(): string {
  return Bun.randomUUIDv7();
}
