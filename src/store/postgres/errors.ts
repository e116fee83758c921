/** SQLSTATE of an error that the server itself reported (`23505`, `55P03` …); undefined for any other failure. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether only another transaction was in the way, so that trying again soon helps. */
export function isBusy(error: unknown): boolean {
  const state = sqlState(error);
  return state === "55P03" || state === "40001" || state === "40P01";
}

/** Whether the values of a row are at fault, so that trying again can never help: classes 22 and 23. */
export function isBadValue(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && (state.startsWith("22") || state.startsWith("23"));
}

/** Whether the connection can be used again: the server has answered and did not say that it ends it. */
export function keepsConnection(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !state.startsWith("57P") && !state.startsWith("08");
}

/** Whether the database is away (no connection, no answer, shutting down) rather than refusing a statement. */
export function isAway(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return state.startsWith("57P") || state.startsWith("08") || state === "53300";
  if (error instanceof DatabaseUnavailable) return true;
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^E[A-Z]+$/.test(code) || /timeout|terminated|Connection|not queryable/i.test(error.message);
}

/** The breaker is open: the database failed a moment ago, and this call did not try it. */
export class DatabaseUnavailable extends Error {
  override readonly name = "DatabaseUnavailable";
  constructor() {
    super("the database cannot be reached at the moment");
  }
}
