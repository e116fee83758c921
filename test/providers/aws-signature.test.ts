import { describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { signAwsRequest } from "../../src/providers/aws-signature.ts";
import type { AwsKeys } from "../../src/providers/aws-source.ts";
import type { OutboundRequest } from "../../src/providers/provider.ts";

const KEYS: AwsKeys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const DATE = new Date("2026-11-24T12:36:00Z");
const STAMP = "20261124T123600Z";

const hex = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");
const mac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The signature of the specification, written down from it. */
function expected(path: string, headers: Record<string, string>, body: string, region: string, service: string) {
  const names = Object.keys(headers).sort();
  const canonical = [
    "POST",
    path.split("/").map(encoded).join("/"),
    "",
    ...names.map((name) => `${name}:${headers[name]?.trim().replace(/\s+/g, " ")}`),
    "",
    names.join(";"),
    hex(body),
  ].join("\n");
  const scope = `20261124/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", STAMP, scope, hex(canonical)].join("\n");
  const key = mac(mac(mac(mac(`AWS4${KEYS.secretAccessKey}`, "20261124"), region), service), "aws4_request");
  const signature = mac(key, text).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${KEYS.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
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
