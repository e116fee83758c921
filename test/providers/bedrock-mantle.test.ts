import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { FormatId } from "../../src/formats/conversation.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { selectEndpoint } from "../../src/providers/select-endpoint.ts";
import { callTo, configure, provider, target } from "./call.ts";

const FOLDER = `${process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges"}/bedrock_mantle`;
const HOST = "https://bedrock-mantle.us-east-1.api.aws";
const PARAMS = { api_key: "ABSK1", aws_region_name: "us-east-1" };

function endpointOf(model: string, client: FormatId, params: JsonObject = PARAMS) {
  const mantle = provider("bedrock_mantle");
  const configured = target("bedrock_mantle", params, {}, model);
  const call = callTo(mantle.upstreamModel?.(model, configured) ?? model, { target: configured });
  const endpoint = selectEndpoint(mantle, "chat", client, call);
  if (endpoint === undefined) throw new Error("no endpoint");
  return { endpoint, call, url: endpointUrl(endpoint, call) };
}

describe("Bedrock's OpenAI-compatible host", () => {
  if (!existsSync(FOLDER)) test.skip("no recordings", () => {});
  else {
    for (const file of readdirSync(FOLDER)) {
      const { request } = JSON.parse(readFileSync(`${FOLDER}/${file}`, "utf8"));
      test(`${file}: ${request.path}`, () => {
        const client = request.path.endsWith("/responses") ? "openai-responses" : "openai-chat";
        expect(endpointOf(request.body.model, client).url).toBe(`https://${request.host}${request.path}`);
      });
    }
  }

  test("closed models of OpenAI answer Responses, whatever the client speaks; Claude answers Messages", () => {
    expect(endpointOf("openai.gpt-5.6-luna", "openai-chat").url).toBe(`${HOST}/openai/v1/responses`);
    expect(endpointOf("openai.gpt-oss-20b", "anthropic-messages").url).toBe(`${HOST}/v1/chat/completions`);
    expect(endpointOf("anthropic.claude-haiku-5-5", "openai-chat").url).toBe(`${HOST}/anthropic/v1/messages`);
  });

  test("tokens are counted where Claude answers, without what counting does not take", () => {
    const [counting] = provider("bedrock_mantle").endpoints["count-tokens"] ?? [];
    if (counting === undefined) throw new Error("no endpoint");
    const { call } = endpointOf("anthropic.claude-haiku-5-5", "anthropic-messages");
    expect(endpointUrl(counting, call)).toBe(`${HOST}/anthropic/v1/messages/count_tokens`);
    expect(counting.parameters?.remove).toHaveProperty("max_tokens");
  });

  test("a region in the name goes to its host and not upstream", () => {
    const found = endpointOf("us-gov-west-1/openai.gpt-oss-20b", "openai-chat", { api_key: "k" });
    expect(found.call.model).toBe("openai.gpt-oss-20b");
    expect(found.url).toBe("https://bedrock-mantle.us-gov-west-1.api.aws/v1/chat/completions");
  });

  test("a configured base is kept, with its surface where it names one", () => {
    const url = (api_base: string, model = "openai.gpt-oss-20b") =>
      endpointOf(model, "openai-chat", { ...PARAMS, api_base }).url;
    expect(url("http://127.0.0.1:9")).toBe("http://127.0.0.1:9/v1/chat/completions");
    expect(url("https://x.test/openai/v1/")).toBe("https://x.test/openai/v1/chat/completions");
    expect(url("https://x.test/v1/chat/completions")).toBe("https://x.test/v1/chat/completions");
    expect(configure("bedrock_mantle", { ...PARAMS, api_base: "x" })).toMatchObject({ code: "invalid_value" });
  });

  test("keys sign as bedrock-mantle, an API key is a bearer token", async () => {
    const keys = { aws_access_key_id: "AK", aws_secret_access_key: "SK", aws_region_name: "us-east-1" };
    const sign = async (params: JsonObject) => {
      const { call, url } = endpointOf("openai.gpt-oss-20b", "openai-chat", params);
      const request = { method: "POST", url, headers: { ...call.target.headers }, body: "{}" } as const;
      const signed = await provider("bedrock_mantle").sign?.(request, call, async () => new Response());
      return signed?.headers.authorization;
    };
    expect(await sign(keys)).toContain("/us-east-1/bedrock-mantle/aws4_request");
    expect(await sign(PARAMS)).toBe("Bearer ABSK1");
  });
});
