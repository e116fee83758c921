/** Where a key's row keeps the sealed secret of a rotation that its holder did not ask for. */
export const ROTATED_SECRET = "rotated_secret";

/** What binds the sealed secret to its key. */
export function secretContext(token: string): string {
  return `rotated-key:${token}`;
}
