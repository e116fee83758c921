import { describe, expect, test } from "bun:test";
import type { JsonObject, MutableJsonObject } from "../../src/json/json.ts";
import { azureAdToken } from "../../src/providers/azure-ad.ts";
import { endpointUrl } from "../../src/providers/endpoint-url.ts";
import { applyParameterRules } from "../../src/providers/parameters.ts";
import type { Endpoint, Operation, OutboundRequest } from "../../src/providers/provider.ts";
import { selectEndpoint } from "../../src/providers/select-endpoint.ts";
import { callTo, configure, provider, target } from "./call.ts";

interface Written {
  readonly base: string;
  readonly version?: string;
  readonly model?: string;
  readonly environment?: Record<string, string>;
}

function url(
  { base, version, model = "gpt-4o", environment }: Written,
  operation: Operation = "chat",
  format: Endpoint["format"] = "openai-chat",
): string {
  const params = { api_key: "key", api_base: base, ...(version === undefined ? {} : { api_version: version }) };
  const endpoint = provider("azure").endpoints[operation]?.find((candidate) => candidate.format === format);
  if (endpoint === undefined) throw new Error(`no ${operation} as ${format}`);
  return endpointUrl(endpoint, callTo(model, { operation, target: target("azure", params, environment, model) }));
}

const RESOURCE = "https://acme.openai.azure.com";

describe("the classic paths", () => {
  test.each([
    ["chat", "openai-chat", "chat/completions"],
    ["completions", "openai-completions", "completions"],
    ["embeddings", "openai-chat", "embeddings"],
    ["image-generation", "openai-chat", "images/generations"],
    ["image-edit", "openai-chat", "images/edits"],
    ["transcription", "openai-chat", "audio/transcriptions"],
    ["speech", "openai-chat", "audio/speech"],
  ] as const)("of %s as %s", (operation, format, path) => {
    const expected = `${RESOURCE}/openai/deployments/gpt-4o/${path}?api-version=2024-02-01`;
    expect(url({ base: RESOURCE, version: "2024-02-01" }, operation, format)).toBe(expected);
  });

  test("are the same for every way to write the resource", () => {
    const expected = `${RESOURCE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-02-01`;
    for (const base of [
      RESOURCE,
      `${RESOURCE}/`,
      `${RESOURCE}/openai`,
      `${RESOURCE}/openai/`,
      `${RESOURCE}/openai/deployments/gpt-4o`,
      `${RESOURCE}/openai/deployments/gpt-4o/chat/completions`,
    ]) {
      expect(url({ base, version: "2024-02-01" })).toBe(expected);
    }
  });

  test("take deployment and version from a base that holds the whole endpoint", () => {
    const base = `${RESOURCE}/openai/deployments/my%20own/chat/completions?api-version=2023-05-15`;
    expect(url({ base, model: "anything" })).toBe(base);
    expect(url({ base, model: "anything" }, "embeddings")).toBe(
      `${RESOURCE}/openai/deployments/my%20own/embeddings?api-version=2023-05-15`,
    );
  });

  test("take the version from the environment, and one from litellm_params first", () => {
    const environment = { AZURE_API_VERSION: "2024-10-21" };
    expect(url({ base: RESOURCE, environment })).toEndWith("?api-version=2024-10-21");
    expect(url({ base: RESOURCE, environment, version: "2024-02-01" })).toEndWith("?api-version=2024-02-01");
  });

  test("lie below a gateway's own path", () => {
    expect(url({ base: "https://apim.test/llm", version: "2024-02-01" })).toBe(
      "https://apim.test/llm/openai/deployments/gpt-4o/chat/completions?api-version=2024-02-01",
    );
    expect(url({ base: "https://gateway.ai.cloudflare.com/v1/acc/gw/azure-openai/acme", version: "2024-02-01" })).toBe(
      "https://gateway.ai.cloudflare.com/v1/acc/gw/azure-openai/acme/gpt-4o/chat/completions?api-version=2024-02-01",
    );
  });

  test("name the deployment without the prefix that tells its family", () => {
    expect(
      provider("azure").upstreamModel?.("o_series/mine", target("azure", { api_key: "k", api_base: RESOURCE })),
    ).toBe("mine");
    expect(
      provider("azure").upstreamModel?.("gpt5_series/mine", target("azure", { api_key: "k", api_base: RESOURCE })),
    ).toBe("mine");
  });
});

describe("the v1 surface", () => {
  test("is not doubled, and knows no dated version", () => {
    for (const base of [`${RESOURCE}/openai/v1`, `${RESOURCE}/openai/v1/`, `${RESOURCE}/openai/v1/chat/completions`]) {
      expect(url({ base })).toBe(`${RESOURCE}/openai/v1/chat/completions`);
      expect(url({ base, version: "2024-02-01" })).toBe(`${RESOURCE}/openai/v1/chat/completions`);
      expect(url({ base, version: "preview" })).toBe(`${RESOURCE}/openai/v1/chat/completions?api-version=preview`);
    }
    expect(url({ base: "https://acme.services.ai.azure.com/openai/v1" }, "embeddings")).toBe(
      "https://acme.services.ai.azure.com/openai/v1/embeddings",
    );
  });

  test("is asked for by its version's name", () => {
    expect(url({ base: RESOURCE, version: "v1" })).toBe(`${RESOURCE}/openai/v1/chat/completions`);
    expect(url({ base: RESOURCE, version: "latest" })).toBe(
      `${RESOURCE}/openai/v1/chat/completions?api-version=latest`,
    );
  });
});

describe("Responses", () => {
  const at = (written: Written) => url(written, "chat", "openai-responses");

  test("lie on dated paths where the version has them, else on the v1 surface", () => {
    expect(at({ base: "https://acme.cognitiveservices.azure.com", version: "2025-03-01-preview" })).toBe(
      "https://acme.cognitiveservices.azure.com/openai/responses?api-version=2025-03-01-preview",
    );
    expect(at({ base: RESOURCE, version: "2024-10-21" })).toBe(`${RESOURCE}/openai/v1/responses`);
    expect(at({ base: RESOURCE, version: "2026-01-01" })).toBe(`${RESOURCE}/openai/v1/responses`);
    expect(at({ base: `${RESOURCE}/openai/v1` })).toBe(`${RESOURCE}/openai/v1/responses`);
    expect(at({ base: `${RESOURCE}/openai/responses?api-version=2025-04-01-preview` })).toBe(
      `${RESOURCE}/openai/responses?api-version=2025-04-01-preview`,
    );
  });

  test("serve clients that speak them, models called responses/…, and models that know nothing else", () => {
    const params = { api_key: "k", api_base: RESOURCE };
    const pick = (client: "openai-chat" | "openai-responses", model: string, mode?: string, preferred?: "chat") =>
      selectEndpoint(
        provider("azure"),
        "chat",
        client,
        callTo(model, {
          target: target("azure", params, {}, model),
          facts: { supports: {}, ...(mode === undefined ? {} : { mode }) },
        }),
        preferred,
      )?.format;
    expect(pick("openai-chat", "gpt-4o")).toBe("openai-chat");
    expect(pick("openai-responses", "gpt-4o")).toBe("openai-responses");
    expect(pick("openai-chat", "responses/gpt-4o")).toBe("openai-responses");
    expect(pick("openai-chat", "gpt-5-pro", "responses")).toBe("openai-responses");
    expect(pick("openai-responses", "gpt-4o", undefined, "chat")).toBe("openai-chat");
  });
});

describe("who calls", () => {
  const base = { api_base: RESOURCE };

  test("says so with a key in its own header", () => {
    expect(target("azure", { ...base, api_key: "secret" }).headers).toEqual({ "api-key": "secret" });
    expect(target("azure", base, { AZURE_API_KEY: "env" }).headers).toEqual({ "api-key": "env" });
  });

  test("or with a token that is given", () => {
    expect(target("azure", { ...base, azure_ad_token: "tok" }).headers).toEqual({ authorization: "Bearer tok" });
    expect(target("azure", base, { AZURE_AD_TOKEN: "env" }).headers).toEqual({ authorization: "Bearer env" });
  });

  test("or by Entra ID; what the deployment says beats the environment", () => {
    const entra = { tenant_id: "t", client_id: "c", client_secret: "s" };
    const configured = target("azure", { ...base, ...entra }, { AZURE_API_KEY: "env" });
    expect(configured.headers).toEqual({});
    expect(configured.credentials).toMatchObject({ tenant: "t", client: "c", secret: "s" });
  });

  test("or by what the environment has, a key first", () => {
    const entra = { AZURE_TENANT_ID: "t", AZURE_CLIENT_ID: "c", AZURE_CLIENT_SECRET: "s" };
    expect(target("azure", base, entra).credentials).toMatchObject({ tenant: "t", secret: "s" });
    const both = target("azure", base, { ...entra, AZURE_API_KEY: "env" });
    expect(both).toMatchObject({ headers: { "api-key": "env" }, credentials: {} });
  });

  test("or with a token of another identity provider", () => {
    const params = { ...base, azure_ad_token: "oidc/env/ID_TOKEN", tenant_id: "t", client_id: "c" };
    expect(target("azure", params, { ID_TOKEN: "jwt" }).credentials).toMatchObject({ tenant: "t", assertion: "jwt" });
  });

  test("and nobody is a problem", () => {
    expect(configure("azure", base)).toMatchObject({ code: "missing_credential" });
    expect(configure("azure", { ...base, tenant_id: "t", client_id: "c" })).toMatchObject({
      code: "missing_credential",
    });
    expect(configure("azure", { api_key: "k" })).toMatchObject({ code: "missing_api_base" });
  });
});

describe("tokens of Entra ID", () => {
  /** An Entra ID that counts: each token is another one. */
  function issuer(lifetime: number | string = 3_600) {
    const asked: OutboundRequest[] = [];
    const send = async (request: OutboundRequest) => {
      asked.push(request);
      return Response.json({ access_token: `token-${asked.length}`, expires_in: lifetime });
    };
    return { asked, send };
  }

  test("are asked for once by many callers, and again shortly before they end", async () => {
    const { asked, send } = issuer();
    const credentials = { tenant: "t1", client: "c", secret: "s", scope: "x/.default" };
    let now = 0;
    const get = () => azureAdToken(credentials, send, () => now);
    expect(await Promise.all([get(), get(), get()])).toEqual(["token-1", "token-1", "token-1"]);
    now = 3_299_000;
    expect(await get()).toBe("token-1");
    now = 3_301_000;
    expect(await get()).toBe("token-2");
    expect(asked).toHaveLength(2);
    expect(asked[0]?.url).toBe("https://login.microsoftonline.com/t1/oauth2/v2.0/token");
    expect(new URLSearchParams(String(asked[0]?.body)).get("grant_type")).toBe("client_credentials");
    expect(new URLSearchParams(String(asked[0]?.body)).get("scope")).toBe("x/.default");
  });

  test("of different credentials are kept apart", async () => {
    const { send } = issuer();
    const shared = { tenant: "t2", client: "c", scope: "x" };
    const first = await azureAdToken({ ...shared, secret: "a" }, send);
    const second = await azureAdToken({ ...shared, secret: "b" }, send);
    expect(second).not.toBe(first);
  });

  test("a refusal shows Entra ID's sentence, never the secret, and is not kept", async () => {
    let answers = 0;
    const send = async () => {
      answers += 1;
      return answers === 1
        ? Response.json({ error: "invalid_client", error_description: "AADSTS7000215: wrong" }, { status: 401 })
        : Response.json({ access_token: "later", expires_in: 60 });
    };
    const credentials = { tenant: "t3", client: "c", secret: "hunter2", scope: "x" };
    const failure = await azureAdToken(credentials, send).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "authentication" });
    expect(String(failure)).toContain("AADSTS7000215");
    expect(String(failure)).not.toContain("hunter2");
    expect(await azureAdToken(credentials, send)).toBe("later");
  });

  test("sign calls that have nothing else", async () => {
    const { send } = issuer("3600");
    const configured = target("azure", { api_base: RESOURCE, tenant_id: "t4", client_id: "c", client_secret: "s" });
    const request: OutboundRequest = { method: "POST", url: RESOURCE, headers: { a: "b" }, body: "{}" };
    const signed = await provider("azure").sign?.(request, callTo("m", { target: configured }), send);
    expect(signed?.headers).toEqual({ a: "b", authorization: "Bearer token-1" });
    expect(request.headers).toEqual({ a: "b" });
  });
});

test("older versions are spared the fields that they do not know", () => {
  const after = (version: string, given: JsonObject) => {
    const body: MutableJsonObject = { ...given };
    const configured = target("azure", { api_key: "k", api_base: RESOURCE, api_version: version });
    const call = callTo("gpt-4o", { target: configured });
    const rules = provider("azure").endpoints.chat?.[0]?.parameters;
    if (rules !== undefined) applyParameterRules(body, rules, call);
    return body;
  };
  const given = { stream_options: { include_usage: true }, tool_choice: "required" };
  expect(after("2023-07-01-preview", given)).toEqual({});
  expect(after("2024-06-01", given)).toEqual({ tool_choice: "required" });
  expect(after("2024-10-21", given)).toEqual(given);
  expect(after("v1", given)).toEqual(given);
});

describe("Azure AI", () => {
  const at = (base: string, operation: Operation = "chat", model = "phi-4") => {
    const configured = target("azure_ai", { api_key: "k", api_base: base }, {}, model);
    const call = callTo(model, { operation, target: configured });
    const endpoint = selectEndpoint(provider("azure_ai"), operation, "openai-chat", call);
    if (endpoint === undefined) throw new Error("no endpoint");
    return { url: endpointUrl(endpoint, call), headers: configured.headers, format: endpoint.format };
  };
  const resource = "https://acme.services.ai.azure.com";

  test("of a resource lies below /models, with a version and a key of its own header", () => {
    const url = `${resource}/models/chat/completions?api-version=2024-05-01-preview`;
    for (const base of [resource, `${resource}/models`, `${resource}/models/chat/completions`, url]) {
      expect(at(base)).toMatchObject({ url, headers: { "api-key": "k" } });
    }
    expect(at(resource, "rerank", "cohere-rerank").url).toBe(`${resource}/v1/rerank`);
  });

  test("of a serverless deployment lies at /v1, with a bearer token", () => {
    const url = "https://phi.eastus.models.ai.azure.com/v1/chat/completions";
    for (const base of [
      "https://phi.eastus.models.ai.azure.com",
      "https://phi.eastus.models.ai.azure.com/v1/chat/completions",
    ]) {
      expect(at(base)).toMatchObject({ url, headers: { authorization: "Bearer k" } });
    }
  });

  test("with Claude speaks Messages", () => {
    for (const base of [resource, `${resource}/anthropic`, `${resource}/anthropic/v1/messages`]) {
      expect(at(base, "chat", "claude-sonnet-4-5")).toMatchObject({
        url: `${resource}/anthropic/v1/messages`,
        format: "anthropic-messages",
        headers: { "api-key": "k", "anthropic-version": "2023-06-01" },
      });
    }
  });
});
