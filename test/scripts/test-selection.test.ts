import { describe, expect, test } from "bun:test";
import { Glob } from "bun";
import { countsOf, requiredBy } from "../../scripts/test-selection.ts";
import { REQUIREMENTS } from "../requirements.ts";

describe("requiredBy", () => {
  const requirements = { postgres: ["test/store"], redis: ["test/store", "test/cache/redis.test.ts"], chromium: [] };

  test("everything that any test uses when nothing is chosen", () => {
    expect(requiredBy([], requirements)).toEqual(["postgres", "redis"]);
    expect(requiredBy(["-t", "escapes"], requirements)).toEqual(["postgres", "redis"]);
  });

  test("only what the chosen tests use", () => {
    expect(requiredBy(["test/json"], requirements)).toEqual([]);
    expect(requiredBy(["./test/cache/"], requirements)).toEqual(["redis"]);
    expect(requiredBy(["test/store/migrate.test.ts"], requirements)).toEqual(["postgres", "redis"]);
    expect(requiredBy(["test/storeroom"], requirements)).toEqual([]);
  });
});

describe("countsOf", () => {
  test("reads the totals of the run, not those of a file in it", () => {
    const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="9" assertions="31" failures="2" skipped="3" time="0.3">
  <testsuite name="a" tests="4" failures="0" skipped="0"/>
</testsuites>`;
    expect(countsOf(junit)).toEqual({ passed: 4, failed: 2, skipped: 3 });
  });

  test("says nothing about what is no report", () => {
    expect(countsOf("")).toBeUndefined();
  });
});

test("every test that reads an outside program's variable is listed with what it needs", async () => {
  const variables = { postgres: "TEST_POSTGRES_URL", redis: "TEST_REDIS_URL", chromium: "TEST_CHROMIUM" } as const;
  for await (const path of new Glob("test/**/*.test.ts").scan()) {
    if (path.startsWith("test/scripts/")) continue;
    const text = await Bun.file(path).text();
    for (const [requirement, variable] of Object.entries(variables)) {
      const listed = requiredBy([path], REQUIREMENTS).includes(requirement as keyof typeof variables);
      if (text.includes(variable)) expect({ path, requirement, listed }).toEqual({ path, requirement, listed: true });
    }
  }
});
