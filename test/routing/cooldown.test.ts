import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ERROR_CODES, type ErrorCode } from "../../src/errors/gateway-error.ts";
import { type CooldownRules, cooldownAfter } from "../../src/routing/cooldown.ts";
import { DeploymentState } from "../../src/routing/deployment-state.ts";

const NOW = 1_800_000_000_000;
const rules: CooldownRules = { enabled: true, seconds: 5, allowedFails: undefined, allowedFailsPolicy: undefined };
const codes = Object.keys(ERROR_CODES) as ErrorCode[];

interface Situation {
  readonly code?: ErrorCode;
  readonly retryAfter?: number;
  readonly rules?: Partial<CooldownRules>;
  readonly own?: number;
  readonly ownAllowedFails?: number;
  readonly ownPolicy?: Readonly<Record<string, number>>;
  readonly groupSize?: number;
  readonly catchAll?: boolean;
  readonly successes?: number;
  readonly failures?: number;
  readonly state?: DeploymentState;
}

function after(situation: Situation): number | undefined {
  const state = situation.state ?? new DeploymentState("a");
  for (let index = 0; index < (situation.successes ?? 0); index++) state.minute.ended(true, NOW);
  for (let index = 0; index < (situation.failures ?? 1); index++) state.minute.ended(false, NOW);
  return cooldownAfter({
    failure: { code: situation.code ?? "internal", retryable: true, retryAfter: situation.retryAfter },
    state,
    rules: { ...rules, ...situation.rules },
    own: situation.own,
    ownAllowedFails: situation.ownAllowedFails,
    ownPolicy: situation.ownPolicy,
    count: (kind, ttl) => state.countFailure(NOW, ttl, kind),
    groupSize: situation.groupSize ?? 2,
    catchAll: situation.catchAll ?? false,
    now: NOW,
  });
}

describe("whether a deployment cools down", () => {
  test("a rate limit does it where others can serve, a rejected key always", () => {
    expect(after({ code: "rate_limit" })).toBe(5000);
    expect(after({ code: "rate_limit", groupSize: 1 })).toBeUndefined();
    expect(after({ code: "authentication", groupSize: 1 })).toBe(5000);
    expect(after({ code: "not_found", groupSize: 1 })).toBe(5000);
  });

  test("more than half of at least five calls of this minute", () => {
    expect(after({ failures: 3, successes: 2 })).toBe(5000);
    expect(after({ failures: 2, successes: 2 })).toBeUndefined();
    expect(after({ failures: 3, successes: 3 })).toBeUndefined();
    expect(after({ failures: 3, successes: 2, groupSize: 1 })).toBeUndefined();
    expect(after({ failures: 1000, groupSize: 1 })).toBe(5000);
  });

  test("a deployment's own figures go before the router's, each class that it names by itself", () => {
    const state = new DeploymentState("a");
    const own = { InternalServerErrorAllowedFails: 1, BadRequestErrorAllowedFails: 0 };
    const at = (code: ErrorCode, more: Situation = {}): number =>
      after({ code, state, failures: 0, ownPolicy: own, rules: { allowedFails: 0 }, ...more }) ?? 0;
    expect([at("internal"), at("internal")]).toEqual([0, 5000]);
    expect(at("invalid_request")).toBe(5000);
    expect(at("timeout")).toBe(5000);
    const general = new DeploymentState("b");
    const counted = [1, 2, 3].map(() =>
      after({ state: general, failures: 0, ownAllowedFails: 2, rules: { allowedFails: 0 } }),
    );
    expect(counted).toEqual([undefined, undefined, 5000]);
    // A figure for all failures does not cool a lone deployment down, one for this class does.
    const lone = { groupSize: 1, failures: 0, rules: { allowedFails: 0 } };
    expect(after({ ...lone, ownAllowedFails: 0 })).toBeUndefined();
    expect(after({ ...lone, ownPolicy: { InternalServerErrorAllowedFails: 0 } })).toBe(5000);
  });

  test("with allowed_fails the failures are counted, by their class where the policy names it", () => {
    const state = new DeploymentState("a");
    const counted = (code: ErrorCode, own: Partial<CooldownRules>): number[] =>
      Array.from({ length: 6 }, () => after({ code, rules: own, state, failures: 0 })).map((ms) => ms ?? 0);
    expect(counted("internal", { allowedFails: 2 })).toEqual([0, 0, 5000, 5000, 5000, 5000]);
    state.forgetFailures();
    const policy = { allowedFailsPolicy: { TimeoutErrorAllowedFails: 4, InternalServerErrorAllowedFails: 0 } };
    expect(counted("timeout", policy)).toEqual([0, 0, 0, 0, 5000, 5000]);
    state.forgetFailures();
    expect(counted("bad_gateway", policy)[0]).toBe(5000);
  });

  test("a half-open deployment that fails cools down at once", () => {
    const state = new DeploymentState("a");
    state.cooldown = { since: NOW - 6000, until: NOW - 1000, code: "internal" };
    expect(state.phase(NOW)).toBe("half-open");
    expect(after({ state, groupSize: 1 })).toBe(5000);
  });

  test("never: switched off, a cooldown_time of 0, a catch-all, failures that are the caller's", () => {
    fc.assert(
      fc.property(fc.constantFrom(...codes), (code) => {
        expect(after({ code, rules: { enabled: false }, failures: 9 })).toBeUndefined();
        expect(after({ code, own: 0, failures: 9 })).toBeUndefined();
        expect(after({ code, catchAll: true, failures: 9 })).toBeUndefined();
      }),
    );
    for (const code of [
      "invalid_request",
      "context_window_exceeded",
      "content_policy_violation",
      "unprocessable",
    ] as const) {
      expect(after({ code, failures: 9 })).toBeUndefined();
    }
  });

  test("how long: the deployment's own word, the provider's, the router's", () => {
    expect(after({ code: "rate_limit", own: 60, retryAfter: 7 })).toBe(60_000);
    expect(after({ code: "rate_limit", retryAfter: 7 })).toBe(7000);
    expect(after({ code: "rate_limit", retryAfter: 86_400 })).toBe(5000);
    expect(after({ code: "rate_limit", rules: { seconds: 1.5 } })).toBe(1500);
  });
});
