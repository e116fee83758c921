import { expect, test } from "bun:test";
import fc from "fast-check";
import { addDuration, type Duration, nextReset, parseDuration } from "../../../src/store/objects/budget-window.ts";

const at = (text: string) => Date.parse(text);
const duration = (text: string) => parseDuration(text) as Duration;
const reset = (text: string, now: string, clock = {}) =>
  new Date(nextReset(duration(text), at(now), clock)).toISOString();

test.each([
  ["1d", "2026-03-10T15:00:00Z", "2026-03-11T00:00:00.000Z"],
  ["7d", "2026-03-10T15:00:00Z", "2026-03-16T00:00:00.000Z"],
  ["1w", "2026-03-16T00:00:00Z", "2026-03-23T00:00:00.000Z"],
  ["30d", "2026-12-31T15:00:00Z", "2027-01-01T00:00:00.000Z"],
  ["1mo", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00.000Z"],
  ["3d", "2026-02-27T12:00:00Z", "2026-03-02T00:00:00.000Z"],
  ["6h", "2026-03-10T15:00:00Z", "2026-03-10T18:00:00.000Z"],
  ["15m", "2026-03-10T15:15:00Z", "2026-03-10T15:30:00.000Z"],
  ["30s", "2026-03-10T15:15:29.999Z", "2026-03-10T15:15:30.000Z"],
])("a budget of %s that is looked at on %s begins anew on %s", (text, now, expected) => {
  expect(reset(text, now)).toBe(expected);
});

test("days are those of the zone, and begin when they are said to", () => {
  expect(reset("1d", "2026-03-10T15:00:00Z", { timeZone: "Asia/Tokyo" })).toBe("2026-03-11T15:00:00.000Z");
  // The clocks of New York go forward on 8 March 2026: that day has 23 hours.
  expect(reset("1d", "2026-03-08T06:00:00Z", { timeZone: "America/New_York" })).toBe("2026-03-09T04:00:00.000Z");
  expect(reset("1d", "2026-03-10T05:00:00Z", { resetTime: "06:00" })).toBe("2026-03-10T06:00:00.000Z");
  expect(reset("1d", "2026-03-10T07:00:00Z", { resetTime: "06:00" })).toBe("2026-03-11T06:00:00.000Z");
});

test("the end of a month is no later than its last day", () => {
  expect(addDuration(at("2026-01-31T10:00:00Z"), duration("1mo"))).toBe(at("2026-02-28T10:00:00Z"));
  expect(addDuration(at("2026-01-31T10:00:00Z"), duration("2w"))).toBe(at("2026-02-14T10:00:00Z"));
});

test.each(["", "0d", "-1d", "1.5h", "1y", "d", "1 d", "1d; DROP", "99999999d"])("%p is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test("a reset always lies ahead", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.constantFrom("s", "m", "h", "d", "w", "mo"),
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.constantFrom("UTC", "Asia/Kathmandu", "America/New_York", "Pacific/Apia"),
      (count, unit, now, timeZone) => nextReset({ count, unit } as Duration, now, { timeZone }) > now,
    ),
    { numRuns: 300 },
  );
});
