/** A PNG of one pixel, as base64. */
export const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Two parallel calls of one tool. */
export const CALLS = [
  { id: "toolu_01A", name: "weather", arguments: '{"city":"Oslo"}' },
  { id: "toolu_01B", name: "weather", arguments: '{"city":"Rome"}' },
] as const;

/** The parameters of that tool. */
export const CITY = { type: "object" as const, properties: { city: { type: "string" } }, required: ["city"] };
