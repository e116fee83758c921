import { DAY_MS } from "../../ledger/rollup-statements.ts";
import { refused } from "../refusals.ts";

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(Z|[+-]\d{2}:?\d{2})?$/;

/** The start of a day (UTC) written `YYYY-MM-DD`, in milliseconds; a time behind it is left out. */
export function dayOfText(text: string, name: string): number {
  const date = text.slice(0, 10);
  const parsed = Date.parse(`${date}T00:00:00Z`);
  if (!DATE.test(date) || (text.length > 10 && !TIME.test(text)) || !isSameDay(parsed, date)) {
    throw refused(400, `${name} is a date like 2026-01-31, not '${text}'`);
  }
  return parsed;
}

/** A moment written `YYYY-MM-DD HH:MM:SS` (UTC unless it says otherwise) or `YYYY-MM-DD`, in milliseconds. */
export function momentOfText(text: string, name: string): number {
  const parts = TIME.exec(text);
  if (parts === null) return dayOfText(text, name);
  const parsed = Date.parse(`${parts[1]}T${parts[2]}${parts[3] ?? "Z"}`);
  if (Number.isNaN(parsed)) throw refused(400, `${name} is a time like 2026-01-31 23:59:59, not '${text}'`);
  return parsed;
}

/** `2026-01-31`. */
export function dateText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

/** First and last day (UTC) of a range of dates; the last 30 days for what is not given. */
export function dayRange(
  start: string | null | undefined,
  end: string | null | undefined,
  now: number,
): { readonly firstDay: number; readonly lastDay: number } {
  const today = now - (now % DAY_MS);
  const lastDay = end === undefined || end === null ? today : dayOfText(end, "end_date");
  const firstDay = start === undefined || start === null ? lastDay - 30 * DAY_MS : dayOfText(start, "start_date");
  if (firstDay > lastDay) throw refused(400, "start_date is after end_date");
  return { firstDay, lastDay };
}

/** Date.parse takes 31 February for 3 March. */
function isSameDay(milliseconds: number, date: string): boolean {
  return !Number.isNaN(milliseconds) && dateText(milliseconds) === date;
}
