import { GatewayError } from "../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../json/json.ts";
import { signAwsRequest } from "./aws-signature.ts";
import { type AwsKeys, type AwsSource, readToken } from "./aws-source.ts";
import { accessToken } from "./oauth-token.ts";
import type { OutboundRequest, Send } from "./provider.ts";

const STS_VERSION = "2011-06-15";
/** Seconds that an assumed role lives: STS's own default. */
const ROLE_LIFETIME = 3_600;
/** Elsewhere than on EC2 the metadata address answers nobody. */
const INSTANCE_PATIENCE_MS = 2_000;

/**
 * The keys of a source, temporary ones cached until shortly before they end. Throws GatewayError("authentication") with
 * AWS's own sentence when there are none.
 */
export async function awsKeys(source: AwsSource, send: Send): Promise<AwsKeys> {
  if (source.type === "keys") return source.keys;
  const issuer = ISSUERS[source.type];
  const text = await accessToken({
    issuer,
    name: `aws ${JSON.stringify(source)}`,
    request: NO_REQUEST,
    send: async () => asTokenAnswer(await issue(source, send)),
  });
  return JSON.parse(text) as AwsKeys;
}

const ISSUERS = {
  role: "AWS STS",
  "web-identity": "AWS STS",
  container: "The container's credential service",
  instance: "Unable to locate credentials: the EC2 metadata service",
} as const;

/** What goes out depends on answers in between, so `issue` makes its requests itself. */
const NO_REQUEST: OutboundRequest = { method: "GET", url: "", headers: {}, body: undefined };

interface IssuedKeys {
  readonly keys: AwsKeys;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

function asTokenAnswer(issued: IssuedKeys | { readonly refusal: string }): Response {
  if ("refusal" in issued) return Response.json({ error_description: issued.refusal }, { status: 403 });
  const lifetime = Math.max((issued.expires - Date.now()) / 1_000, 0);
  return Response.json({ access_token: JSON.stringify(issued.keys), expires_in: lifetime });
}

type Issued = IssuedKeys | { readonly refusal: string };

async function issue(source: Exclude<AwsSource, { type: "keys" }>, send: Send): Promise<Issued> {
  switch (source.type) {
    case "role":
      return assumeRole(source, send);
    case "web-identity":
      return assumeRoleWithWebIdentity(source, send);
    case "container": {
      const token = source.token === undefined ? undefined : readToken(source.token);
      const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
      return readMetadata(await send({ method: "GET", url: source.url, headers, body: undefined }));
    }
    case "instance":
      return within(INSTANCE_PATIENCE_MS, instanceKeys(source.base, send));
  }
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (2026-11-24) */
async function assumeRole(source: Extract<AwsSource, { type: "role" }>, send: Send): Promise<Issued> {
  const form = new URLSearchParams({
    Action: "AssumeRole",
    Version: STS_VERSION,
    RoleArn: source.role,
    RoleSessionName: source.session,
    DurationSeconds: String(ROLE_LIFETIME),
    ...(source.externalId === undefined ? {} : { ExternalId: source.externalId }),
  });
  const request = await signAwsRequest(stsRequest(source.sts, form), {
    keys: await awsKeys(source.by, send),
    region: source.region,
    service: "sts",
  });
  return readSts(await send(request));
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html (2026-11-24): not signed. */
async function assumeRoleWithWebIdentity(
  source: Extract<AwsSource, { type: "web-identity" }>,
  send: Send,
): Promise<Issued> {
  const token = readToken(source.token);
  if (token === undefined) return { refusal: "the web identity token's file cannot be read" };
  const form = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: STS_VERSION,
    RoleArn: source.role,
    RoleSessionName: source.session,
    DurationSeconds: String(ROLE_LIFETIME),
    WebIdentityToken: token,
  });
  return readSts(await send(stsRequest(source.sts, form)));
}

function stsRequest(base: string, form: URLSearchParams): OutboundRequest {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: `${base}/`, headers, body: form.toString() };
}

async function readSts(response: Response): Promise<Issued> {
  const text = await response.text();
  const member = (name: string): string | undefined => {
    const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
    return found?.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  };
  const id = member("AccessKeyId");
  const secret = member("SecretAccessKey");
  if (!response.ok || id === undefined || secret === undefined) {
    return { refusal: member("Message") ?? `status ${response.status}` };
  }
  return issuedKeys(id, secret, member("SessionToken"), member("Expiration"));
}

function issuedKeys(id: string, secret: string, token: string | undefined, expiration: string | undefined): IssuedKeys {
  const expires = Date.parse(expiration ?? "");
  return {
    keys: { accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) },
    expires: Number.isNaN(expires) ? Date.now() + ROLE_LIFETIME * 1_000 : expires,
  };
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (2026-11-24), version 2. */
async function instanceKeys(base: string, send: Send): Promise<Issued> {
  const session = await send({
    method: "PUT",
    url: `${base}/latest/api/token`,
    headers: { "x-aws-ec2-metadata-token-ttl-seconds": "21600" },
    body: undefined,
  });
  const token = await session.text();
  if (!session.ok) return { refusal: `status ${session.status}` };
  const headers = { "x-aws-ec2-metadata-token": token };
  const place = `${base}/latest/meta-data/iam/security-credentials/`;
  const roles = await send({ method: "GET", url: place, headers, body: undefined });
  const [role] = (await roles.text()).trim().split("\n");
  if (!roles.ok || role === undefined || role === "") return { refusal: "the instance has no role" };
  return readMetadata(await send({ method: "GET", url: `${place}${role}`, headers, body: undefined }));
}

async function readMetadata(response: Response): Promise<Issued> {
  const answer: JsonObject = asObject(parseJson(await response.text())) ?? {};
  const id = asString(answer.AccessKeyId);
  const secret = asString(answer.SecretAccessKey);
  if (!response.ok || id === undefined || secret === undefined) {
    return { refusal: asString(answer.message) ?? asString(answer.Message) ?? `status ${response.status}` };
  }
  return issuedKeys(id, secret, asString(answer.Token), asString(answer.Expiration));
}

async function within(milliseconds: number, answer: Promise<Issued>): Promise<Issued> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Issued>((resolve) => {
    timer = setTimeout(() => resolve({ refusal: "no answer" }), milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw new GatewayError("authentication", `Unable to locate credentials: ${String(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
