/**
 * Money (`…_nano`) stays bigint; every other integer becomes a number, or fails where a number cannot hold it. Both
 * databases' rows go through here, so that queries read the same from either.
 */
export function readableRow(row: Record<string, unknown>): Record<string, unknown> {
  for (const name in row) {
    const value = row[name];
    if (typeof value !== "bigint" || name.endsWith("_nano")) continue;
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${name} is ${value}, which a number cannot hold`);
    row[name] = number;
  }
  return row;
}
