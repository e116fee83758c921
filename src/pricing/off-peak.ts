import { asArray, asObject, asString, type Json, type JsonObject } from "../json/json.ts";

interface Window {
  /** Minutes of the UTC day, the end not included. `from === to` is the whole day; `from > to` passes midnight. */
  readonly from: number;
  readonly to: number;
  /** 1 is Monday, 7 is Sunday; undefined is every day. */
  readonly weekdays?: ReadonlySet<number>;
}

/** When the quiet hours are. */
export interface OffPeakSchedule {
  readonly windows: readonly Window[];
  readonly timeZone?: string;
}

const CLOCK = /^(\d{1,2}):([0-5]\d)-(\d{1,2}):([0-5]\d)$/;
const MINUTE = 60_000;
const DAY = 1440;

function windowsOf(hours: Json | undefined, weekdays?: ReadonlySet<number>): Window[] {
  const texts = Array.isArray(hours) ? asArray(hours) : hours === undefined ? [] : [hours];
  return texts.map((text) => {
    const match = CLOCK.exec(asString(text) ?? "");
    const [from, to] = [1, 3].map((at) => Number(match?.[at]) * 60 + Number(match?.[at + 1]));
    if (from === undefined || to === undefined || !(from <= DAY) || !(to <= DAY)) {
      throw new Error(`off_peak_pricing: ${JSON.stringify(text)} is not a span such as "16:30-00:30" (UTC)`);
    }
    return { from: from % DAY, to: to % DAY, ...(weekdays === undefined ? {} : { weekdays }) };
  });
}

/** Reads `hours_utc`, `windows: [{hours_utc, weekdays}]` and `weekday_timezone`. Throws when a span or zone is unreadable. */
export function compileSchedule(declared: JsonObject): OffPeakSchedule {
  const windows = windowsOf(declared.hours_utc);
  for (const item of asArray(declared.windows)) {
    const window = asObject(item);
    const weekdays = window?.weekdays === undefined ? undefined : new Set(asArray(window.weekdays).map(Number));
    windows.push(...windowsOf(window === undefined ? item : window.hours_utc, weekdays));
  }
  const timeZone = asString(declared.weekday_timezone);
  if (timeZone === undefined || timeZone === "UTC") return { windows };
  weekdayIn(timeZone, 0);
  return { windows, timeZone };
}

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const formatters = new Map<string, Intl.DateTimeFormat>();

function weekdayIn(timeZone: string | undefined, at: number): number {
  if (timeZone === undefined) return ((Math.floor(at / (DAY * MINUTE)) + 3) % 7) + 1;
  let formatter = formatters.get(timeZone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat("en-US", { timeZone, weekday: "short" });
    formatters.set(timeZone, formatter);
  }
  return WEEKDAYS.indexOf(formatter.format(at)) + 1;
}

/** Whether a moment (milliseconds since the epoch) lies in the quiet hours. */
export function isOffPeak({ windows, timeZone }: OffPeakSchedule, at: number): boolean {
  const minute = Math.floor(at / MINUTE) % DAY;
  let weekday: number | undefined;
  for (const { from, to, weekdays } of windows) {
    const open = from < to ? minute >= from && minute < to : from === to || minute >= from || minute < to;
    if (!open) continue;
    if (weekdays === undefined) return true;
    weekday ??= weekdayIn(timeZone, at);
    if (weekdays.has(weekday)) return true;
  }
  return false;
}
