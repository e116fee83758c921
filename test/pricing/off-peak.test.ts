import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileSchedule, isOffPeak } from "../../src/pricing/off-peak.ts";
import { InvalidPriceError } from "../../src/pricing/price-rules.ts";
import { priceSheet } from "../../src/pricing/price-sheet.ts";

/** Monday, 23 November 2026. */
const moment = (day: number, clock: string) => Date.parse(`2026-11-${String(22 + day).padStart(2, "0")}T${clock}:00Z`);

describe("isOffPeak", () => {
  const nightly = compileSchedule({ hours_utc: "16:30-00:30" });
  test.each([
    ["16:29", false],
    ["16:30", true],
    ["23:59", true],
    ["00:00", true],
    ["00:29", true],
    ["00:30", false],
  ])("a span over midnight at %s is %p", (clock, open) => {
    expect(isOffPeak(nightly, moment(3, clock))).toBe(open);
  });

  const windows = [
    { hours_utc: ["00:00-01:00", "10:00-00:00"], weekdays: [1, 2, 3, 4, 5] },
    { hours_utc: "00:00-00:00", weekdays: [6, 7] },
  ];
  test.each([
    [1, "00:30", true],
    [1, "01:00", false],
    [5, "10:00", true],
    [6, "05:00", true],
    [7, "23:59", true],
  ])("day %i at %s is %p", (day, clock, open) => {
    expect(isOffPeak(compileSchedule({ windows }), moment(day, clock))).toBe(open);
  });

  test("days are counted in the declared zone", () => {
    const shanghai = compileSchedule({ windows, weekday_timezone: "Asia/Shanghai" });
    // Friday 17:00 UTC is Saturday in Shanghai, Sunday 17:00 UTC is Monday there.
    expect(isOffPeak(shanghai, moment(7, "02:00"))).toBe(true);
    expect(isOffPeak(shanghai, moment(7, "17:00"))).toBe(true);
    const weekends = { windows: [{ hours_utc: "00:00-00:00", weekdays: [6, 7] }], weekday_timezone: "Asia/Shanghai" };
    expect(isOffPeak(compileSchedule(weekends), moment(5, "17:00"))).toBe(true);
    expect(isOffPeak(compileSchedule(weekends), moment(7, "17:00"))).toBe(false);
  });

  test("a span and its opposite part the day", () => {
    const clock = fc.integer({ min: 0, max: 1439 });
    const text = (minute: number) =>
      `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
    fc.assert(
      fc.property(clock, clock, clock, (from, to, minute) => {
        fc.pre(from !== to);
        const at = moment(2, text(minute));
        const inside = isOffPeak(compileSchedule({ hours_utc: `${text(from)}-${text(to)}` }), at);
        expect(isOffPeak(compileSchedule({ hours_utc: `${text(to)}-${text(from)}` }), at)).toBe(!inside);
      }),
    );
  });

  test.each(["25:00-26:00", "noon", "10:00", "10:60-11:00"])("refuses the span %p", (span) => {
    expect(() => compileSchedule({ hours_utc: span })).toThrow(/off_peak_pricing/);
  });

  test("refuses an unknown zone and a schedule that is no object", () => {
    expect(() => compileSchedule({ windows, weekday_timezone: "Mars/Olympus" })).toThrow();
    expect(() => priceSheet({ name: "x", overrides: { off_peak_pricing: "nights" } })).toThrow(InvalidPriceError);
  });
});
