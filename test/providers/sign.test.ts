import { describe, expect, test } from "bun:test";
import { asObject, type JsonObject, parseJson } from "../../src/json/json.ts";
import type { OutboundRequest } from "../../src/providers/provider.ts";
import { callTo, configure, provider, target } from "./call.ts";

/** Signs a call and shows what was asked of the issuer. */
async function sign(id: string, params: JsonObject, issued: JsonObject, url?: string) {
  const configured = target(id, params);
  const asked: OutboundRequest[] = [];
  const request: OutboundRequest = {
    method: "POST",
    url: url ?? `${configured.base}/x`,
    headers: { ...configured.headers },
    body: "{}",
  };
  const signed = await provider(id).sign?.(request, callTo("m", { target: configured }), async (sent) => {
    asked.push(sent);
    return Response.json(issued);
  });
  return { signed, asked };
}

describe("Databricks", () => {
  const api_base = "https://dbc-1.cloud.databricks.com/serving-endpoints";

  test("with a personal token asks nobody", async () => {
    const { signed, asked } = await sign("databricks", { api_base, api_key: "dapi" }, {});
    expect(asked).toEqual([]);
    expect(signed?.headers).toEqual({ authorization: "Bearer dapi" });
  });

  test("with a client and its secret asks the workspace", async () => {
    const params = { api_base, client_id: "me", client_secret: "s3" };
    const { signed, asked } = await sign("databricks", params, { access_token: "tok", expires_in: 3600 });
    expect(asked[0]).toMatchObject({
      url: "https://dbc-1.cloud.databricks.com/oidc/v1/token",
      headers: { authorization: `Basic ${btoa("me:s3")}` },
    });
    expect(signed?.headers.authorization).toBe("Bearer tok");
  });

  test("with neither is a problem", () => {
    expect(configure("databricks", { api_base })).toMatchObject({ code: "missing_credential" });
    expect(configure("databricks", { api_key: "k" })).toMatchObject({ code: "missing_api_base" });
  });
});

describe("GitHub Copilot", () => {
  const expires_at = Math.floor(Date.now() / 1000) + 1800;

  test("buys a token and goes where the account is served", async () => {
    const issued = { token: "short", expires_at, endpoints: { api: "https://api.individual.githubcopilot.com" } };
    const { signed, asked } = await sign("github_copilot", { api_key: "gho_1" }, issued);
    expect(asked[0]).toMatchObject({ method: "GET", headers: { authorization: "token gho_1" } });
    expect(signed?.url).toBe("https://api.individual.githubcopilot.com/x");
    expect(signed?.headers.authorization).toBe("Bearer short");
    expect(signed?.headers["copilot-integration-id"]).toBe("vscode-chat");
  });

  test("stays where api_base says", async () => {
    const issued = { token: "short", expires_at, endpoints: { api: "https://elsewhere.test" } };
    const params = { api_key: "gho_2", api_base: "https://copilot.acme.test" };
    expect((await sign("github_copilot", params, issued)).signed?.url).toBe("https://copilot.acme.test/x");
  });

  test("tells turns of an agent and pictures from questions", () => {
    const headers = (body: JsonObject) =>
      provider("github_copilot").endpoints.chat?.[0]?.bodyHeaders?.(body, callTo("m"));
    const image = { type: "image_url", image_url: { url: "u" } };
    expect(headers({ messages: [{ role: "user", content: "q" }] })).toEqual({ "x-initiator": "user" });
    expect(headers({ messages: [{ role: "assistant", content: "a" }] })).toEqual({ "x-initiator": "agent" });
    expect(headers({ messages: [{ role: "user", content: [image] }] })).toEqual({
      "x-initiator": "user",
      "copilot-vision-request": "true",
    });
  });
});

describe("ChatGPT", () => {
  test("renews a login where it has a refresh token", async () => {
    const params = { refresh_token: "rt", account_id: "acc" };
    const { signed, asked } = await sign("chatgpt", params, { access_token: "at", expires_in: 3600 });
    expect(asObject(parseJson(String(asked[0]?.body)))).toMatchObject({
      grant_type: "refresh_token",
      refresh_token: "rt",
    });
    expect(signed?.headers).toMatchObject({ authorization: "Bearer at", "chatgpt-account-id": "acc" });
  });

  test("uses an access token as it is, and has to have one of the two", async () => {
    const { signed, asked } = await sign("chatgpt", { api_key: "at" }, {});
    expect(asked).toEqual([]);
    expect(signed?.headers.authorization).toBe("Bearer at");
    expect(configure("chatgpt")).toMatchObject({ code: "missing_credential" });
  });
});

describe("Snowflake", () => {
  test("says which kind of token it is", () => {
    const api_base = "https://a.snowflakecomputing.com";
    expect(target("snowflake", { api_base, api_key: "pat/abc" }).headers).toEqual({
      authorization: "Bearer abc",
      "x-snowflake-authorization-token-type": "PROGRAMMATIC_ACCESS_TOKEN",
    });
    expect(target("snowflake", { api_base, api_key: "jwt" }).headers).toMatchObject({
      "x-snowflake-authorization-token-type": "KEYPAIR_JWT",
    });
  });
});
