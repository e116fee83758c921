import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeModelId, parseBedrockModel } from "../../src/providers/bedrock-model.ts";

const ACCOUNT = "123456789012";

describe("Bedrock model strings", () => {
  test.each([
    ["anthropic.claude-sonnet-4-6", { maker: "anthropic", id: "anthropic.claude-sonnet-4-6" }],
    ["converse/us.amazon.nova-2-lite-v1:0", { route: "converse", maker: "nova", bare: "amazon.nova-2-lite-v1:0" }],
    ["converse_like/anthropic.claude-v2", { route: "converse", maker: "anthropic" }],
    ["invoke/meta.llama3-70b-instruct-v1:0", { route: "invoke", maker: "meta", id: "meta.llama3-70b-instruct-v1:0" }],
    [
      "eu-west-1/amazon.titan-text-express-v1",
      { region: "eu-west-1", maker: "titan", id: "amazon.titan-text-express-v1" },
    ],
    ["us-gov-west-1/anthropic.claude-v2", { region: "us-gov-west-1", id: "anthropic.claude-v2" }],
    ["us-east-1/1-month-commitment/anthropic.claude-v1", { region: "us-east-1", id: "anthropic.claude-v1" }],
    ["global.anthropic.claude-opus-5", { id: "global.anthropic.claude-opus-5", bare: "anthropic.claude-opus-5" }],
    ["us-gov.anthropic.claude-3-haiku", { bare: "anthropic.claude-3-haiku", maker: "anthropic" }],
    ["mantle/anthropic.claude-haiku-5-5", { route: "mantle", maker: "anthropic" }],
    ["agentcore/arn:aws:bedrock-agentcore:us-east-1:1:runtime/x", { route: "agent" }],
  ])("%s", (text, expected) => {
    expect(parseBedrockModel(text)).toMatchObject(expected);
  });

  test("an ARN names its region, and the maker where it holds a model's id", () => {
    const profile = `arn:aws:bedrock:eu-central-1:${ACCOUNT}:inference-profile/eu.anthropic.claude-sonnet-4-6`;
    expect(parseBedrockModel(profile)).toMatchObject({ region: "eu-central-1", maker: "anthropic", id: profile });
    const opaque = `arn:aws:bedrock:us-east-1:${ACCOUNT}:application-inference-profile/abc123`;
    expect(parseBedrockModel(opaque).maker).toBe("");
    expect(parseBedrockModel(opaque, "us.anthropic.claude-sonnet-4-6").maker).toBe("anthropic");
  });

  test("the word before an ARN tells the family of an imported model", () => {
    const arn = `arn:aws:bedrock:us-east-1:${ACCOUNT}:imported-model/r4c4kewx2s0n`;
    expect(parseBedrockModel(`llama/${arn}`)).toMatchObject({ maker: "meta", id: arn });
    expect(parseBedrockModel(`deepseek_r1/${arn}`)).toMatchObject({ maker: "deepseek-r1", id: arn });
    expect(parseBedrockModel(`invoke/openai/${arn}`)).toMatchObject({ route: "invoke", maker: "openai", id: arn });
  });

  test("route and region never change what they stand before", () => {
    const route = fc.constantFrom("", "converse/", "invoke/");
    const region = fc.constantFrom("", "us-east-1/", "ap-southeast-2/");
    const geography = fc.constantFrom("", "us.", "eu.", "apac.", "global.");
    const name = fc.stringMatching(/^(anthropic|meta|mistral)\.[a-z0-9-]{1,20}(:[0-9])?$/);
    fc.assert(
      fc.property(route, region, geography, name, (first, second, third, bare) => {
        const parsed = parseBedrockModel(first + second + third + bare);
        expect(parsed.id).toBe(third + bare);
        expect(parsed.bare).toBe(bare);
        expect(parsed.maker).toBe(bare.slice(0, bare.indexOf(".")));
        expect(`${parsed.route ?? ""}/`).toBe(first === "" ? "/" : first);
        expect(`${parsed.region ?? ""}/`).toBe(second === "" ? "/" : second);
      }),
    );
  });

  test("an id is one segment of a path and comes back whole", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (id) => {
        const encoded = encodeModelId(id);
        expect(encoded).not.toMatch(/[/:?#]/);
        expect(decodeURIComponent(encoded)).toBe(id);
      }),
    );
  });
});
