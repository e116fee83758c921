/** A program from outside that tests use. `npm test` provides only those that the chosen tests need. */
export type Requirement = "postgres" | "redis" | "chromium";

/**
 * Which tests use what, by path from the root of the repository; a folder stands for all that is in it. The tests find
 * it in the environment, and skip themselves where that is not set:
 *
 * - `postgres`: TEST_POSTGRES_URL, an empty database whose user may create others
 * - `redis`: TEST_REDIS_URL, an empty server
 * - `chromium`: TEST_CHROMIUM, the program's path, and TEST_CHROMIUM_ARGS, what it must be started with, space-separated
 */
export const REQUIREMENTS: Readonly<Record<Requirement, readonly string[]>> = {
  postgres: ["test/store", "test/ledger", "test/gateway", "test/cli/doctor"],
  redis: ["test/cli/doctor", "test/store/redis", "test/admission", "test/cache"],
  chromium: [],
};
