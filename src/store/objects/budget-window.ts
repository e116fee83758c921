/** LiteLLM's durations (`30s`, `5m`, `24h`, `7d`, `1w`, `1mo`) and what they mean for budgets and for expiry. */
import { DURATION_SYNTAX } from "../../config/duration.ts";

export interface Duration {
  readonly count: number;
  readonly unit: "s" | "m" | "h" | "d" | "w" | "mo";
}

export interface ResetClock {
  /** IANA name of the zone whose midnights count (`litellm_settings.timezone`); default UTC. */
  readonly timeZone?: string | undefined;
  /** `HH:MM` at which a day begins (`litellm_settings.budget_reset_time`); default midnight. */
  readonly resetTime?: string | undefined;
}

const MILLISECONDS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Undefined for what is no duration, zero included. */
export function parseDuration(text: string): Duration | undefined {
  const found = DURATION_SYNTAX.exec(text.trim());
  return found === null ? undefined : { count: Number(found[1]), unit: found[2] as Duration["unit"] };
}

/** The moment that lies a duration after another, for expiry: exact, with months as the calendar has them. */
export function addDuration(from: number, { count, unit }: Duration): number {
  if (unit !== "mo") return from + count * MILLISECONDS[unit];
  const date = new Date(from);
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + count);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, last));
  return date.getTime();
}

/**
 * When a budget of this duration begins anew (milliseconds since the epoch), by LiteLLM's rules: a day ends at
 * midnight, a week on Monday, 30 days and months on the first of the month, hours and less on the next multiple of the
 * clock.
 */
export function nextReset(duration: Duration, now: number, clock: ResetClock = {}): number {
  const { count, unit } = duration;
  if (unit === "s" || unit === "m" || unit === "h") return nextMultiple(duration, now, clock);
  const zone = clock.timeZone ?? "UTC";
  const shift = minutesOf(clock.resetTime);
  // A day that begins at 06:00 is a day of a clock that runs six hours late.
  const today = localDate(now - shift * 60_000, zone);
  const at = (year: number, month: number, day: number) => zonedTime(year, month, day, shift, zone);
  if (unit === "mo") return at(today.year, today.month + count, 1);
  const days = unit === "w" ? count * 7 : count;
  if (days === 30) return at(today.year, today.month + 1, 1);
  if (days === 7) return at(today.year, today.month, today.day + (8 - today.weekday));
  return at(today.year, today.month, today.day + days);
}

/** When the period that is under way began: the last moment at which a budget of this duration began anew. */
export function periodBegin(duration: Duration, now: number, clock: ResetClock = {}): number {
  const end = nextReset(duration, now, clock);
  // Found from the other side, since months differ in length.
  let low = now - 32 * MILLISECONDS.d * duration.count;
  let high = now;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (nextReset(duration, middle, clock) === end) high = middle;
    else low = middle;
  }
  return high;
}

/** What of a period's spend is beyond its budget, for the next one (`budget_rollover`). Money is nano-dollars. */
export function carriedOver(spent: bigint, maxBudget: bigint | null): bigint {
  return maxBudget === null || spent <= maxBudget ? 0n : spent - maxBudget;
}

function nextMultiple({ count, unit }: Duration, now: number, clock: ResetClock): number {
  const step = count * MILLISECONDS[unit as "s" | "m" | "h"];
  const zone = clock.timeZone ?? "UTC";
  const { year, month, day } = localDate(now, zone);
  const midnight = zonedTime(year, month, day, 0, zone);
  return midnight + (Math.floor((now - midnight) / step) + 1) * step;
}

function minutesOf(time: string | undefined): number {
  const found = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(time ?? "");
  return found === null ? 0 : Number(found[1]) * 60 + Number(found[2]);
}

interface LocalDate {
  readonly year: number;
  /** 0 to 11. */
  readonly month: number;
  readonly day: number;
  /** 1 is Monday, 7 is Sunday. */
  readonly weekday: number;
}

function localDate(at: number, zone: string): LocalDate {
  const date = new Date(at + offsetAt(at, zone));
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    weekday: ((date.getUTCDay() + 6) % 7) + 1,
  };
}

/** The moment at which a zone's clocks show a date, so many minutes after midnight. */
function zonedTime(year: number, month: number, day: number, minutes: number, zone: string): number {
  const shown = Date.UTC(year, month, day, 0, minutes);
  const guess = shown - offsetAt(shown, zone);
  return shown - offsetAt(guess, zone);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** How far a zone's clocks are ahead of UTC, in milliseconds. */
function offsetAt(at: number, zone: string): number {
  if (zone === "UTC") return 0;
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formatters.set(zone, formatter);
  }
  const parts = new Map(formatter.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return shown - Math.floor(at / 1_000) * 1_000;
}
