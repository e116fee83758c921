import { type Key, section, supported } from "../key.ts";
import { count } from "../value-type.ts";

const RETRIED = ["BadRequest", "Authentication", "Timeout", "RateLimit", "ContentPolicyViolation", "InternalServer"];

const named = (classes: readonly string[], ending: string, key: Key): Record<string, Key> =>
  Object.fromEntries(classes.map((name) => [`${name}Error${ending}`, key]));

/** Retries by class of error. */
export const retryPolicy = section("retry_policy", named(RETRIED, "Retries", supported(count)));

/** Failures by class of error before a deployment cools down. */
export const allowedFailsPolicy = section(
  "allowed_fails_policy",
  named([...RETRIED, "ServiceUnavailable", "BadGateway", "NotFound"], "AllowedFails", supported(count)),
);
