import { expect, test } from "bun:test";
import { headroomIn } from "../../src/routing/headroom.ts";

test.each([
  [{}, undefined],
  [{ "x-ratelimit-remaining-requests": "30", "x-ratelimit-limit-requests": "60" }, 0.5],
  [
    {
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-tokens": "100",
      "x-ratelimit-limit-tokens": "1000",
    },
    0.1,
  ],
  [{ "anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-limit": "80000" }, 0],
  [{ "x-ratelimit-remaining-requests": "30" }, undefined],
  [{ "x-ratelimit-remaining-requests": "soon", "x-ratelimit-limit-requests": "60" }, undefined],
  [{ "x-ratelimit-remaining-requests": "70", "x-ratelimit-limit-requests": "60" }, 1],
  [{ "x-ratelimit-remaining-requests": "1", "x-ratelimit-limit-requests": "0" }, undefined],
])("%j leaves %p", (headers, share) => {
  expect(headroomIn(new Headers(headers as Record<string, string>))).toBe(share as number);
});
