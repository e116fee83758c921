import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkConfig } from "../../../src/config/check.ts";
import { compileSnapshot } from "../../../src/config/compile.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { secretEnvironment } from "../../../src/config/secrets/secret-environment.ts";
import { fetchCarrier, Transport, toResponse } from "../../../src/upstream/transport.ts";
import { type ReceivedRequest, startUpstream, type Upstream } from "../../support/upstream.ts";

let vendor: Upstream;
const folder = mkdtempSync(join(tmpdir(), "isthmus-secrets-"));
const transport = new Transport(fetchCarrier());

beforeAll(() => {
  vendor = startUpstream(() => new Response("not set", { status: 500 }));
});
beforeEach(() => {
  vendor.requests.length = 0;
});
afterAll(async () => {
  await vendor.stop();
  rmSync(folder, { recursive: true, force: true });
});

function config(general: string): string {
  const path = join(folder, `${crypto.randomUUID()}.yml`);
  writeFileSync(
    path,
    `model_list:\n  - model_name: gpt\n    litellm_params:\n      model: openai/gpt-4o\n      api_key: os.environ/OPENAI_API_KEY\n      api_base: os.environ/BASE\ngeneral_settings:\n${general}`,
  );
  return path;
}

async function load(general: string, environment: Record<string, string>) {
  const document = loadConfig(config(general));
  const secrets = await secretEnvironment(document, environment, {
    send: async (request) => toResponse(await transport.open(request).response),
  });
  const snapshot = compileSnapshot(document, { environment: secrets.environment });
  return { secrets, authorization: snapshot.groups.get("gpt")?.[0]?.target.headers.authorization };
}

const answers =
  (table: Record<string, (request: ReceivedRequest) => Response>) =>
  (request: ReceivedRequest): Response =>
    table[`${request.method} ${request.path.split("?")[0]}`]?.(request) ??
    Response.json({ errors: [] }, { status: 404 });

describe("HashiCorp Vault", () => {
  // https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#sample-response-1 (2026-11-25)
  const kept = (key: string) => Response.json({ data: { data: { key }, metadata: { version: 2 } } });

  test("with a token, a namespace, a mount and a prefix; what it lacks comes from the environment", async () => {
    vendor.handler = answers({ "GET /v1/kv/data/teams/llm/OPENAI_API_KEY": () => kept("sk-from-vault") });
    const { authorization, secrets } = await load("  key_management_system: hashicorp_vault\n", {
      HCP_VAULT_ADDR: vendor.url,
      HCP_VAULT_TOKEN: "hvs.token",
      HCP_VAULT_NAMESPACE: "admin",
      HCP_VAULT_MOUNT_NAME: "kv",
      HCP_VAULT_PATH_PREFIX: "teams/llm",
      BASE: "http://127.0.0.1:1/v1",
    });
    expect(authorization).toBe("Bearer sk-from-vault");
    expect(secrets.diagnostics).toEqual([]);
    expect(vendor.requests[0]?.headers.get("x-vault-token")).toBe("hvs.token");
    expect(vendor.requests[0]?.headers.get("x-vault-namespace")).toBe("admin");
  });

  test("with an AppRole: one login for all secrets", async () => {
    vendor.handler = answers({
      "POST /v1/auth/approle/login": () =>
        Response.json({ auth: { client_token: "hvs.issued", lease_duration: 1200, renewable: true } }),
      "GET /v1/secret/data/OPENAI_API_KEY": (request) =>
        request.headers.get("x-vault-token") === "hvs.issued" ? kept("sk-by-role") : new Response("", { status: 403 }),
    });
    const { authorization } = await load("  key_management_system: hashicorp_vault\n", {
      HCP_VAULT_ADDR: vendor.url,
      HCP_VAULT_APPROLE_ROLE_ID: "role",
      HCP_VAULT_APPROLE_SECRET_ID: "role-secret",
      BASE: "http://127.0.0.1:1/v1",
    });
    expect(authorization).toBe("Bearer sk-by-role");
    const logins = vendor.requests.filter(({ path }) => path.includes("login"));
    expect(logins.map(({ json }) => json)).toEqual([{ role_id: "role", secret_id: "role-secret" }]);
  });

  test("that refuses is told with the line that names it, and nothing secret", async () => {
    vendor.handler = () => Response.json({ errors: ["permission denied"] }, { status: 403 });
    const { secrets } = await load("  key_management_system: hashicorp_vault\n", {
      HCP_VAULT_ADDR: vendor.url,
      HCP_VAULT_TOKEN: "hvs.very-secret",
    });
    expect(secrets.diagnostics).toMatchObject([{ severity: "error", code: "secret_manager", location: { line: 8 } }]);
    expect(secrets.diagnostics[0]?.message).toContain("403");
    expect(JSON.stringify(secrets.diagnostics)).not.toContain("very-secret");
  });
});

describe("AWS Secrets Manager", () => {
  // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Examples (2026-11-25)
  const environment = {
    AWS_REGION_NAME: "eu-west-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "aws-secret",
    BASE: "http://127.0.0.1:1/v1",
  };
  const answer = (request: ReceivedRequest): Response => {
    const id = request.json?.SecretId;
    if (id === "OPENAI_API_KEY") return Response.json({ Name: id, SecretString: "sk-from-aws" });
    if (id === "llm/all") return Response.json({ Name: id, SecretString: '{"OPENAI_API_KEY":"sk-member"}' });
    return Response.json({ __type: "ResourceNotFoundException", Message: "not here" }, { status: 400 });
  };

  test("each name a secret, signed", async () => {
    vendor.handler = answer;
    const { authorization, secrets } = await load("  key_management_system: aws_secret_manager\n", {
      ...environment,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: vendor.url,
    });
    expect(secrets.diagnostics).toEqual([]);
    expect(authorization).toBe("Bearer sk-from-aws");
    const [request] = vendor.requests;
    expect(request?.headers.get("x-amz-target")).toBe("secretsmanager.GetSecretValue");
    expect(request?.headers.get("authorization")).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request/,
    );
  });

  test("all names in one secret, only those that are hosted", async () => {
    vendor.handler = answer;
    const { authorization } = await load(
      "  key_management_system: aws_secret_manager\n  key_management_settings:\n    primary_secret_name: llm/all\n    hosted_keys: [OPENAI_API_KEY]\n",
      { ...environment, AWS_ENDPOINT_URL_SECRETS_MANAGER: vendor.url },
    );
    expect(authorization).toBe("Bearer sk-member");
    expect(vendor.requests.length).toBe(1);
  });
});

test("Google Secret Manager, with a user's refresh token", async () => {
  // https://cloud.google.com/secret-manager/docs/reference/rest/v1/AccessSecretVersionResponse (2026-11-25)
  vendor.handler = answers({
    "POST /token": () => Response.json({ access_token: "ya29.token", expires_in: 3600 }),
    "GET /v1/projects/my-project/secrets/OPENAI_API_KEY/versions/latest:access": (request) =>
      request.headers.get("authorization") === "Bearer ya29.token"
        ? Response.json({ payload: { data: Buffer.from("sk-from-google").toString("base64") } })
        : new Response("", { status: 401 }),
  });
  const credentials = join(folder, "google.json");
  writeFileSync(
    credentials,
    JSON.stringify({
      type: "authorized_user",
      client_id: crypto.randomUUID(),
      client_secret: "s",
      refresh_token: "r",
      token_uri: `${vendor.url}/token`,
    }),
  );
  const { authorization, secrets } = await load("  key_management_system: google_secret_manager\n", {
    GOOGLE_APPLICATION_CREDENTIALS: credentials,
    GOOGLE_SECRET_MANAGER_PROJECT_ID: "my-project",
    GOOGLE_SECRET_MANAGER_ENDPOINT: vendor.url,
    BASE: "http://127.0.0.1:1/v1",
  });
  expect(secrets.diagnostics).toEqual([]);
  expect(authorization).toBe("Bearer sk-from-google");
});

test("Azure Key Vault, whose names have no underscores", async () => {
  // https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret#getsecret (2026-11-25)
  vendor.handler = answers({
    "POST /tenant/oauth2/v2.0/token": () => Response.json({ access_token: "entra", expires_in: 3600 }),
    "GET /secrets/OPENAI-API-KEY": (request) =>
      request.headers.get("authorization") === "Bearer entra"
        ? Response.json({ value: "sk-from-azure", id: "…" })
        : new Response("", { status: 401 }),
  });
  const { authorization, secrets } = await load("  key_management_system: azure_key_vault\n", {
    AZURE_KEY_VAULT_URI: vendor.url,
    AZURE_TENANT_ID: "tenant",
    AZURE_CLIENT_ID: crypto.randomUUID(),
    AZURE_CLIENT_SECRET: "secret",
    AZURE_AUTHORITY_HOST: vendor.url,
    BASE: "http://127.0.0.1:1/v1",
  });
  expect(secrets.diagnostics).toEqual([]);
  expect(authorization).toBe("Bearer sk-from-azure");
  const login = new URLSearchParams(vendor.requests.find(({ path }) => path.includes("token"))?.text);
  expect(login.get("scope")).toBe("https://vault.azure.net/.default");
});

test("a system that is not served is refused by name", async () => {
  const { secrets } = await load("  key_management_system: cyberark\n", {});
  expect(secrets.diagnostics[0]?.message).toContain('"cyberark" is not served');
});

test("a configuration is checked offline: what the environment lacks is taken to be with the manager", () => {
  const path = config("  key_management_system: hashicorp_vault\n");
  expect(checkConfig(path, { BASE: "http://127.0.0.1:1" }).diagnostics).toEqual([]);
  expect(vendor.requests.length).toBe(0);
});
