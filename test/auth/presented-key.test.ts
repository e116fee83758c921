import { describe, expect, test } from "bun:test";
import { presentedKey } from "../../src/auth/presented-key.ts";

const key = (headers: Record<string, string>, only?: string, query?: string): string =>
  presentedKey(new Headers(headers), only, query);

describe("presentedKey", () => {
  test("takes every form that LiteLLM's clients use", () => {
    expect(key({ authorization: "Bearer sk-a" })).toBe("sk-a");
    expect(key({ authorization: "bearer sk-a" })).toBe("sk-a");
    expect(key({ authorization: "Basic sk-a" })).toBe("sk-a");
    expect(
      key({
        authorization:
          "AWS4-HMAC-SHA256 Credential=Bearer sk-a/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host",
      }),
    ).toBe("sk-a");
    for (const name of ["API-Key", "x-api-key", "x-goog-api-key", "Ocp-Apim-Subscription-Key", "x-litellm-api-key"]) {
      expect(key({ [name]: "sk-a" })).toBe("sk-a");
    }
    expect(key({ "x-litellm-api-key": "Bearer sk-a" })).toBe("sk-a");
    expect(key({}, undefined, "sk-a")).toBe("sk-a");
  });

  test("x-litellm-api-key lets Authorization carry something else", () => {
    expect(key({ "x-litellm-api-key": "sk-a", authorization: "Bearer provider" })).toBe("sk-a");
  });

  test("with a header name of its own, only that header counts", () => {
    expect(key({ "x-my-key": "Bearer sk-a", authorization: "Bearer sk-b" }, "x-my-key")).toBe("sk-a");
    expect(() => key({ authorization: "Bearer sk-b" }, "x-my-key")).toThrow("No api key passed in.");
  });

  test("a bare key or an empty Bearer is malformed, nothing at all is missing", () => {
    expect(() => key({ authorization: "sk-a" })).toThrow("Malformed API Key");
    expect(() => key({ authorization: "Bearer " })).toThrow("Malformed API Key");
    expect(() => key({})).toThrow("No api key passed in.");
  });
});
