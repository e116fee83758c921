import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { signAwsRequest } from "../../src/providers/aws-signature.ts";
import type { AwsKeys } from "../../src/providers/aws-source.ts";
import type { OutboundRequest } from "../../src/providers/provider.ts";
import { awsAuthorization } from "../support/aws-signature.ts";

const KEYS: AwsKeys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const DATE = new Date("2026-11-24T12:36:00Z");
const STAMP = "20261124T123600Z";

const hex = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
function expected(path: string, headers: Record<string, string>, body: string, region: string, service: string) {
  return awsAuthorization({ method: "POST", path, headers, body }, KEYS, region, service);
}

async function sign(url: string, body: string, keys = KEYS, headers: Record<string, string> = {}) {
  const request: OutboundRequest = {
    method: "POST",
    url,
    headers: { "content-type": "application/json", ...headers },
    body,
  };
  return signAwsRequest(request, { keys, region: "eu-west-1", service: "bedrock", date: DATE });
}

describe("AWS signatures", () => {
  const HOST = "bedrock-runtime.eu-west-1.amazonaws.com";

  test("are the specification's, with the path encoded once more, for every body", async () => {
    const ids = fc.constantFrom(
      "anthropic.claude-v2:1",
      "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x-v1:0",
      "a b",
    );
    await fc.assert(
      fc.asyncProperty(ids, fc.string({ unit: "grapheme" }), async (id, body) => {
        const path = `/model/${encodeURIComponent(id)}/converse`;
        const { headers, url } = await sign(`https://${HOST}${path}`, body);
        expect(url).toBe(`https://${HOST}${path}`);
        const signed = {
          "content-type": "application/json",
          host: HOST,
          "x-amz-content-sha256": hex(body),
          "x-amz-date": STAMP,
        };
        expect(headers.authorization).toBe(expected(path, signed, body, "eu-west-1", "bedrock"));
      }),
      { numRuns: 30 },
    );
  });

  test("a session token is sent and signed", async () => {
    const { headers } = await sign(`https://${HOST}/model/m/invoke`, "{}", { ...KEYS, sessionToken: "SESSION" });
    expect(headers["x-amz-security-token"]).toBe("SESSION");
    expect(headers.authorization).toContain("x-amz-security-token");
  });

  test("an earlier signature is replaced, and the connection writes its own host", async () => {
    const url = `https://${HOST}/model/m/invoke`;
    const once = await sign(url, "{}");
    const twice = await sign(url, "{}", KEYS, { ...once.headers });
    expect(twice.headers).toEqual(once.headers);
    expect(once.headers).not.toHaveProperty("host");
  });

  test("a host with a port is signed with it", async () => {
    const { headers } = await sign("http://127.0.0.1:4566/model/m/invoke", "{}");
    const signed = {
      "content-type": "application/json",
      host: "127.0.0.1:4566",
      "x-amz-content-sha256": hex("{}"),
      "x-amz-date": STAMP,
    };
    expect(headers.authorization).toBe(expected("/model/m/invoke", signed, "{}", "eu-west-1", "bedrock"));
  });
});
