import { describe, expect, test } from "bun:test";
import type { Route } from "../../src/server/route.ts";
import { RouteTable } from "../../src/server/route-table.ts";

const route = (method: Route["method"], path: string, ...aliases: string[]): Route => ({
  method,
  path,
  aliases,
  permission: "public",
  summary: path,
  tag: "test",
  handle: () => new Response(path),
});

const table = new RouteTable([
  route("POST", "/v1/chat/completions", "/engines/{model...}/chat/completions"),
  route("GET", "/v1/models/{id}"),
  route("GET", "/v1/models"),
]);

describe("RouteTable", () => {
  test("finds fixed paths and patterns, a model name with slashes included", () => {
    expect(table.match("POST", "/v1/chat/completions").kind).toBe("found");
    expect(table.match("POST", "/engines/org/model:v1/chat/completions")).toMatchObject({
      params: { model: "org/model:v1" },
    });
    expect(table.match("GET", "/v1/models/gpt%2Fx")).toMatchObject({ params: { id: "gpt/x" } });
  });

  test("one segment is one segment", () => {
    expect(table.match("GET", "/v1/models/a/b").kind).toBe("none");
  });

  test("a known path with another method is 405 with what is allowed", () => {
    expect(table.match("DELETE", "/v1/models")).toEqual({ kind: "method", allowed: ["GET"] });
  });

  test("a malformed escape matches nothing and does not throw", () => {
    expect(table.match("GET", "/v1/models/%E0%A4%A").kind).toBe("none");
  });

  test("dots in paths are literal", () => {
    expect(new RouteTable([route("GET", "/openapi.json")]).match("GET", "/openapiXjson").kind).toBe("none");
  });

  test("two routes for one path are a mistake that is told at once", () => {
    expect(() => new RouteTable([route("GET", "/a"), route("GET", "/a")])).toThrow("two routes for GET /a");
  });
});
