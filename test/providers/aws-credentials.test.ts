import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../src/errors/gateway-error.ts";
import type { JsonObject } from "../../src/json/json.ts";
import { configureAws } from "../../src/providers/aws-configure.ts";
import { awsKeys } from "../../src/providers/aws-keys.ts";
import type { AwsSource } from "../../src/providers/aws-source.ts";
import type { OutboundRequest } from "../../src/providers/provider.ts";

interface Given {
  params?: JsonObject;
  environment?: Record<string, string>;
  files?: Record<string, string>;
}

function configured({ params = {}, environment = {}, files = {} }: Given) {
  return configureAws({
    params,
    model: "m",
    environment: { HOME: "/somewhere", ...environment },
    readFile: (path) => files[path],
  });
}

function source(given: Given): AwsSource {
  const found = configured(given);
  if ("code" in found) throw new Error(found.message);
  return found.source;
}

const STATIC = { aws_access_key_id: "AK", aws_secret_access_key: "SK" };
const KEYS = { accessKeyId: "AK", secretAccessKey: "SK" };
const ENVIRONMENT = { AWS_ACCESS_KEY_ID: "EK", AWS_SECRET_ACCESS_KEY: "ES" };

let counter = 0;
/** Names that no other test has, as keys are cached for the whole process. */
const fresh = () => `arn:aws:iam::123456789012:role/r${counter++}`;

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const stsAnswer = (id: string, expiration = inAnHour()) =>
  new Response(
    `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>a&amp;b</SecretAccessKey><SessionToken>TOKEN</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
  );

describe("where AWS keys come from", () => {
  test("litellm_params before the environment", () => {
    expect(source({ params: { ...STATIC, aws_session_token: "T" }, environment: ENVIRONMENT })).toEqual({
      type: "keys",
      keys: { ...KEYS, sessionToken: "T" },
    });
  });

  test("the environment, with its session token", () => {
    expect(source({ environment: { ...ENVIRONMENT, AWS_SESSION_TOKEN: "T" } })).toEqual({
      type: "keys",
      keys: { accessKeyId: "EK", secretAccessKey: "ES", sessionToken: "T" },
    });
  });

  test("half a pair is a problem that names the other half", () => {
    expect(configured({ params: { aws_access_key_id: "AK" } })).toMatchObject({
      code: "missing_credential",
      key: "aws_secret_access_key",
    });
  });

  test("a profile's keys and region, from both files", () => {
    const files = {
      "/somewhere/.aws/credentials":
        "# mine\n[other]\naws_access_key_id=X\n[ work ]\naws_access_key_id = AK\naws_secret_access_key= SK\n",
      "/somewhere/.aws/config": "[profile work]\nregion = eu-north-1\ns3 =\n  region = nonsense\n",
    };
    expect(configured({ params: { aws_profile_name: "work" }, files })).toEqual({
      region: "eu-north-1",
      source: { type: "keys", keys: KEYS },
    });
    expect(configured({ environment: { AWS_PROFILE: "work" }, files })).toMatchObject({ region: "eu-north-1" });
    expect(configured({ params: { aws_profile_name: "absent" }, files })).toMatchObject({ key: "aws_profile_name" });
  });

  test("a profile's role, assumed by another profile", () => {
    const files = {
      "/c": "[profile app]\nrole_arn = arn:role\nsource_profile = base\nexternal_id = E\n[profile loop]\nrole_arn = arn:x\nsource_profile = loop\n",
      "/k": "[base]\naws_access_key_id = AK\naws_secret_access_key = SK\n",
    };
    const environment = { AWS_CONFIG_FILE: "/c", AWS_SHARED_CREDENTIALS_FILE: "/k" };
    expect(source({ params: { aws_profile_name: "app" }, environment, files })).toMatchObject({
      type: "role",
      role: "arn:role",
      externalId: "E",
      by: { type: "keys", keys: KEYS },
    });
    expect(configured({ params: { aws_profile_name: "loop" }, environment, files })).toMatchObject({
      code: "invalid_value",
    });
  });

  test("a role over the keys that were found otherwise", () => {
    const params = { aws_role_name: "arn:role", aws_session_name: "me", aws_external_id: "E" };
    expect(source({ params, environment: { ...ENVIRONMENT, AWS_REGION: "eu-west-3" } })).toEqual({
      type: "role",
      role: "arn:role",
      session: "me",
      externalId: "E",
      by: { type: "keys", keys: { accessKeyId: "EK", secretAccessKey: "ES" } },
      region: "eu-west-3",
      sts: "https://sts.eu-west-3.amazonaws.com",
    });
  });

  test("a web identity needs a role", () => {
    expect(configured({ params: { aws_web_identity_token: "jwt" } })).toMatchObject({ key: "aws_role_name" });
    expect(source({ environment: { AWS_WEB_IDENTITY_TOKEN_FILE: "/t", AWS_ROLE_ARN: "arn:irsa" } })).toMatchObject({
      type: "web-identity",
      role: "arn:irsa",
      token: { file: "/t" },
    });
  });

  test("containers, then the machine, unless that is switched off", () => {
    expect(source({ environment: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/x" } })).toMatchObject({
      type: "container",
      url: "http://169.254.170.2/v2/x",
    });
    expect(source({ environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://evil.test/x" } }).type).toBe("instance");
    expect(source({}).type).toBe("instance");
    expect(configured({ environment: { AWS_EC2_METADATA_DISABLED: "true" } })).toMatchObject({
      code: "missing_credential",
    });
  });

  test("region: parameter, environment, default; what is none is refused", () => {
    const region = (given: Given) => (configured(given) as { region: string }).region;
    expect(region({ params: { ...STATIC, aws_region_name: "sa-east-1" }, environment: { AWS_REGION: "x" } })).toBe(
      "sa-east-1",
    );
    expect(region({ params: STATIC, environment: { AWS_DEFAULT_REGION: "us-gov-east-1" } })).toBe("us-gov-east-1");
    expect(region({ params: STATIC })).toBe("us-west-2");
    expect(configured({ params: { ...STATIC, aws_region_name: "Ireland" } })).toMatchObject({ key: "aws_region_name" });
  });
});

describe("temporary AWS keys", () => {
  test("a role is assumed once for many calls, with a signed request", async () => {
    const asked: OutboundRequest[] = [];
    const role = fresh();
    const by = source({ params: { ...STATIC, aws_role_name: role, aws_external_id: "E 1" } });
    const send = async (request: OutboundRequest) => {
      asked.push(request);
      return stsAnswer("ASIA");
    };
    const [first, second] = await Promise.all([awsKeys(by, send), awsKeys(by, send)]);
    expect(first).toEqual({ accessKeyId: "ASIA", secretAccessKey: "a&b", sessionToken: "TOKEN" });
    expect(second).toEqual(first);
    expect(await awsKeys(by, send)).toEqual(first);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.url).toBe("https://sts.us-west-2.amazonaws.com/");
    expect(asked[0]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/us-west-2\/sts\//);
    const form = new URLSearchParams(String(asked[0]?.body));
    expect(Object.fromEntries(form)).toEqual({
      Action: "AssumeRole",
      Version: "2011-06-15",
      RoleArn: role,
      RoleSessionName: "isthmus",
      DurationSeconds: "3600",
      ExternalId: "E 1",
    });
  });

  test("keys that have ended are not used again", async () => {
    let calls = 0;
    const by = source({ params: { ...STATIC, aws_role_name: fresh() } });
    const send = async () => stsAnswer(`ASIA${calls++}`, new Date(Date.now() - 1_000).toISOString());
    await awsKeys(by, send);
    expect((await awsKeys(by, send)).accessKeyId).toBe("ASIA1");
  });

  test("a web identity's token is read anew from its file, and the request is not signed", async () => {
    const files: Record<string, string> = { "/var/token": "first\n" };
    const role = fresh();
    const by = source({ environment: { AWS_WEB_IDENTITY_TOKEN_FILE: "/var/token", AWS_ROLE_ARN: role }, files });
    files["/var/token"] = "second\n";
    const asked: OutboundRequest[] = [];
    await awsKeys(by, async (request) => {
      asked.push(request);
      return stsAnswer("ASIA");
    });
    expect(asked[0]?.headers).not.toHaveProperty("authorization");
    const form = new URLSearchParams(String(asked[0]?.body));
    expect(form.get("Action")).toBe("AssumeRoleWithWebIdentity");
    expect(form.get("WebIdentityToken")).toBe("second");
    expect(form.get("RoleArn")).toBe(role);
  });

  test("a refusal says what STS says", async () => {
    const by = source({ params: { ...STATIC, aws_role_name: fresh() } });
    const refused = awsKeys(
      by,
      async () =>
        new Response(
          "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User &lt;me&gt; is not authorized</Message></Error></ErrorResponse>",
          { status: 403 },
        ),
    );
    const error = await refused.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatewayError);
    expect((error as GatewayError).code).toBe("authentication");
    expect((error as GatewayError).message).toContain("User <me> is not authorized");
    expect((error as GatewayError).message).not.toContain("SK");
  });

  test("a machine's role is asked for with a session of its metadata service", async () => {
    const asked: string[] = [];
    const by = source({ environment: { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://metadata.test/${fresh()}/` } });
    const keys = await awsKeys(by, async (request) => {
      const { pathname } = new URL(request.url);
      asked.push(`${request.method} ${pathname.slice(pathname.indexOf("/latest"))}`);
      if (request.method === "PUT") return new Response("session");
      expect(request.headers["x-aws-ec2-metadata-token"]).toBe("session");
      if (pathname.endsWith("/")) return new Response("my-role\n");
      return Response.json({ AccessKeyId: "AK", SecretAccessKey: "SK", Token: "T", Expiration: inAnHour() });
    });
    expect(asked).toEqual([
      "PUT /latest/api/token",
      "GET /latest/meta-data/iam/security-credentials/",
      "GET /latest/meta-data/iam/security-credentials/my-role",
    ]);
    expect(keys).toEqual({ ...KEYS, sessionToken: "T" });
  });

  test("a container's service gets its token", async () => {
    const environment = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://169.254.170.23/${counter++}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/pod",
    };
    const by = source({ environment, files: { "/pod": "pod-token\n" } });
    const keys = await awsKeys(by, async (request) => {
      expect(request.headers.authorization).toBe("pod-token");
      return Response.json({ AccessKeyId: "AK", SecretAccessKey: "SK", Token: "T", Expiration: inAnHour() });
    });
    expect(keys.sessionToken).toBe("T");
  });
});
