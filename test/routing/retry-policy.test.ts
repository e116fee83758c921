import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { allowedRetries, retryWait } from "../../src/routing/retry-policy.ts";
import type { RouterSettings } from "../../src/snapshot/snapshot.ts";

const router: RouterSettings = {
  routingStrategy: "simple-shuffle",
  routingStrategyArgs: {},
  numRetries: 2,
  retryAfter: 0,
  raw: {},
};
const input = {
  code: "internal",
  retryable: true,
  group: "g",
  router,
  deploymentRetries: undefined,
  requestRetries: undefined,
} as const;

describe("allowedRetries", () => {
  test("a policy for the class beats every number, and the group's policy beats the general one", () => {
    const policies: RouterSettings = {
      ...router,
      retryPolicy: { InternalServerErrorRetries: 5, BadRequestErrorRetries: 1 },
      modelGroupRetryPolicy: { g: { InternalServerErrorRetries: 0 } },
    };
    expect(allowedRetries({ ...input, router: policies, deploymentRetries: 9 })).toBe(0);
    expect(allowedRetries({ ...input, router: policies, group: "other", deploymentRetries: 9 })).toBe(5);
    expect(allowedRetries({ ...input, router: policies, code: "invalid_request", retryable: false })).toBe(1);
  });

  test("then deployment, request, router, in this order", () => {
    expect(allowedRetries({ ...input, deploymentRetries: 4, requestRetries: 3 })).toBe(4);
    expect(allowedRetries({ ...input, requestRetries: 0 })).toBe(0);
    expect(allowedRetries(input)).toBe(2);
  });

  test("what cannot succeed is not tried again", () => {
    expect(allowedRetries({ ...input, code: "not_found", retryable: false, requestRetries: 7 })).toBe(0);
  });
});

describe("retryWait", () => {
  const wait = { attempts: 1, retryAfter: undefined, minimum: 0, otherDeployment: false, random: 0 };

  test("follows the provider's word up to a minute", () => {
    expect(retryWait({ ...wait, retryAfter: 7 })).toBe(7);
    expect(retryWait({ ...wait, retryAfter: 61 })).toBeLessThan(2);
  });

  test("is never below the minimum, never above 8.75 s of its own, and grows", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 5, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, minimum, random) => {
          const seconds = retryWait({ ...wait, attempts, minimum, random });
          expect(seconds).toBeGreaterThanOrEqual(minimum);
          expect(seconds).toBeLessThanOrEqual(8.75);
          expect(retryWait({ ...wait, attempts: attempts + 1, minimum, random })).toBeGreaterThanOrEqual(seconds);
        },
      ),
    );
  });

  test("is nothing when another deployment stands ready", () => {
    expect(retryWait({ ...wait, otherDeployment: true, retryAfter: 30, minimum: 5 })).toBe(0);
  });
});
