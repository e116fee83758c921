import { DAY_MS } from "../rollup-statements.ts";

const NAME = /^spend_(\d{4})(\d{2})(\d{2})$/;

/** Days that a name can say: years 0000 to 9999. */
const FIRST_MS = Date.parse("0000-01-01T00:00:00Z");
const LAST_MS = Date.UTC(9999, 11, 31);

/** The start of the day (UTC) that a moment belongs to. */
export function dayOf(milliseconds: number): number {
  return Math.floor(milliseconds / DAY_MS) * DAY_MS;
}

/** `spend_20251009`. Throws a RangeError for a day that has no such name. */
export function partitionOf(day: number): string {
  if (!(day >= FIRST_MS && day <= LAST_MS)) throw new RangeError(`${day} is not a time that the ledger can keep`);
  return `spend_${new Date(day).toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/** The day of a partition by its name, or undefined. */
export function dayOfPartition(name: string): number | undefined {
  const parts = NAME.exec(name);
  return parts === null ? undefined : Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T00:00:00Z`);
}

/**
 * Statements that add a day's partition. It is made first and attached then, because CREATE TABLE … PARTITION OF would
 * wait for every reader of the table and keep out the next ones meanwhile.
 */
export function addPartition(day: number): readonly string[] {
  const name = partitionOf(day);
  return [
    `CREATE TABLE IF NOT EXISTS ${name} (LIKE spend INCLUDING DEFAULTS)`,
    `ALTER TABLE spend ATTACH PARTITION ${name} FOR VALUES FROM (${day}) TO (${day + DAY_MS})`,
  ];
}
