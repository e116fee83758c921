import { expect, test } from "bun:test";
import { isRouteAllowed, requireAllowedRoute } from "../../src/auth/allowed-routes.ts";

test.each([
  [[], "/key/generate", true],
  [["llm_api_routes"], "/v1/chat/completions", true],
  [["llm_api_routes"], "/chat/completions", true],
  [["llm_api_routes"], "/key/generate", false],
  [["info_routes"], "/key/info", true],
  [["info_routes"], "/key/delete", false],
  [["management_routes"], "/team/new", true],
  [["/key"], "/key/info", true],
  [["/key"], "/keys", false],
  [["/key/info"], "/key/info", true],
  [["/spend/*"], "/spend/logs", true],
  [["/v1/*/completions"], "/v1/chat/completions", true],
  [["/v1/*/completions"], "/v1/completions", false],
  [["constructor"], "/key/info", false],
] as const)("a key for %j and the path %s: %p", (allowed, path, expected) => {
  expect(isRouteAllowed(allowed, path)).toBe(expected);
});

test("the refusal names what is allowed and what was tried", () => {
  expect(() => requireAllowedRoute(["info_routes"], "/key/generate")).toThrow(
    "Only allowed to call routes: ['info_routes']. Tried to call route: /key/generate",
  );
});
