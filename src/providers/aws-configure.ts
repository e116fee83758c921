import { type AwsProfile, readAwsProfile } from "./aws-profile.ts";
import { AWS_REGION, awsDomain } from "./aws-region.ts";
import { type AwsSource, type AwsToken, tokenFile } from "./aws-source.ts";
import { readEnvironment, readParameter } from "./credentials.ts";
import type { ConfigureInput, ConfigureProblem } from "./provider.ts";

/** LiteLLM's region when nothing names one. */
const DEFAULT_REGION = "us-west-2";
const REGION_VARIABLES = ["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"];
const SESSION = "isthmus";

export interface AwsConfiguration {
  readonly region: string;
  readonly source: AwsSource;
}

/**
 * Region and keys out of litellm_params, environment and profile files, in the order of AWS's own tools.
 * `named` is a region that the model's name holds. https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html (2026-11-24)
 */
export function configureAws(input: ConfigureInput, named?: string): AwsConfiguration | ConfigureProblem {
  const region = awsRegion(input, named);
  if (!AWS_REGION.test(region)) {
    return invalid("aws_region_name", `${JSON.stringify(region)} is no AWS region; one looks like us-east-1.`);
  }
  const source = readSource(input, region);
  if ("code" in source) return source;
  const role = readParameter(input.params, ["aws_role_name"]);
  if (role === undefined || source.type === "web-identity") return { region, source };
  return { region, source: roleSource(input, region, role, source, sessionName(input), externalId(input)) };
}

/** The region of the calls: litellm_params, model name, environment, profile, LiteLLM's default. */
export function awsRegion(input: ConfigureInput, named?: string): string {
  return (
    readParameter(input.params, ["aws_region_name"]) ??
    named ??
    readEnvironment(input.environment, REGION_VARIABLES) ??
    readAwsProfile(profileName(input) ?? "default", input)?.region ??
    DEFAULT_REGION
  );
}

function profileName(input: ConfigureInput): string | undefined {
  return readParameter(input.params, ["aws_profile_name"]) ?? readEnvironment(input.environment, ["AWS_PROFILE"]);
}

function sessionName(input: ConfigureInput): string {
  return (
    readParameter(input.params, ["aws_session_name"]) ??
    readEnvironment(input.environment, ["AWS_ROLE_SESSION_NAME"]) ??
    SESSION
  );
}

function externalId(input: ConfigureInput): string | undefined {
  return readParameter(input.params, ["aws_external_id"]);
}

function stsAddress(input: ConfigureInput, region: string): string {
  const given =
    readParameter(input.params, ["aws_sts_endpoint"]) ?? readEnvironment(input.environment, ["AWS_ENDPOINT_URL_STS"]);
  return (given ?? `https://sts.${region}.${awsDomain(region)}`).replace(/\/+$/, "");
}

function readSource(input: ConfigureInput, region: string): AwsSource | ConfigureProblem {
  const { params, environment } = input;
  const id = readParameter(params, ["aws_access_key_id"]);
  const secret = readParameter(params, ["aws_secret_access_key"]);
  if (id !== undefined && secret !== undefined) {
    return keySource(id, secret, readParameter(params, ["aws_session_token"]));
  }
  if (id !== undefined || secret !== undefined) {
    const key = id === undefined ? "aws_access_key_id" : "aws_secret_access_key";
    return { code: "missing_credential", key, message: `AWS keys come in pairs: set litellm_params.${key} too.` };
  }
  const identity = readParameter(params, ["aws_web_identity_token"]);
  if (identity !== undefined) return webIdentity(input, region, identity);
  const profile = readParameter(params, ["aws_profile_name"]);
  if (profile !== undefined) return profileSource(profile, input, region, []);
  return environmentSource(input, region) ?? defaultSource(input, region, environment);
}

function keySource(accessKeyId: string, secretAccessKey: string, sessionToken: string | undefined): AwsSource {
  return {
    type: "keys",
    keys: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
  };
}

function environmentSource(input: ConfigureInput, region: string): AwsSource | undefined {
  const { environment } = input;
  const id = readEnvironment(environment, ["AWS_ACCESS_KEY_ID"]);
  const secret = readEnvironment(environment, ["AWS_SECRET_ACCESS_KEY"]);
  if (id !== undefined && secret !== undefined) {
    return keySource(id, secret, readEnvironment(environment, ["AWS_SESSION_TOKEN"]));
  }
  const file = readEnvironment(environment, ["AWS_WEB_IDENTITY_TOKEN_FILE"]);
  const role = readEnvironment(environment, ["AWS_ROLE_ARN"]);
  if (file === undefined || role === undefined) return undefined;
  const token = tokenFile(file, input.readFile);
  return { type: "web-identity", role, session: sessionName(input), token, sts: stsAddress(input, region) };
}

function defaultSource(
  input: ConfigureInput,
  region: string,
  environment: ConfigureInput["environment"],
): AwsSource | ConfigureProblem {
  const named = readEnvironment(environment, ["AWS_PROFILE"]);
  if (named !== undefined) return profileSource(named, input, region, []);
  const usual = readAwsProfile("default", input);
  const settles = ["aws_access_key_id", "role_arn", "sso_session", "sso_start_url", "credential_process"];
  if (usual !== undefined && settles.some((setting) => usual[setting] !== undefined)) {
    return profileSource("default", input, region, []);
  }
  return containerSource(input) ?? instanceSource(environment);
}

function profileSource(
  name: string,
  input: ConfigureInput,
  region: string,
  seen: readonly string[],
): AwsSource | ConfigureProblem {
  const profile = seen.includes(name) ? undefined : readAwsProfile(name, input);
  if (profile === undefined) {
    return invalid("aws_profile_name", `the AWS profile ${JSON.stringify(name)} is in no readable profile file.`);
  }
  const { aws_access_key_id: id, aws_secret_access_key: secret, role_arn: role } = profile;
  if (role !== undefined) return profileRole(name, profile, role, input, region, [...seen, name]);
  if (id !== undefined && secret !== undefined) return keySource(id, secret, profile.aws_session_token);
  return invalid(
    "aws_profile_name",
    `the AWS profile ${JSON.stringify(name)} has neither keys nor a role; sso and credential_process are not supported.`,
  );
}

function profileRole(
  name: string,
  profile: AwsProfile,
  role: string,
  input: ConfigureInput,
  region: string,
  seen: readonly string[],
): AwsSource | ConfigureProblem {
  const session = profile.role_session_name ?? sessionName(input);
  if (profile.web_identity_token_file !== undefined) {
    const token = tokenFile(profile.web_identity_token_file, input.readFile);
    return { type: "web-identity", role, session, token, sts: stsAddress(input, region) };
  }
  const by =
    profile.source_profile !== undefined
      ? sourceProfile(profile.source_profile, name, profile, input, region, seen)
      : credentialSource(profile.credential_source, input, region);
  return "code" in by ? by : roleSource(input, region, role, by, session, profile.external_id);
}

/** A profile may name itself as the source of its role's keys. */
function sourceProfile(
  source: string,
  name: string,
  profile: AwsProfile,
  input: ConfigureInput,
  region: string,
  seen: readonly string[],
): AwsSource | ConfigureProblem {
  const { aws_access_key_id: id, aws_secret_access_key: secret } = profile;
  if (source === name && id !== undefined && secret !== undefined) {
    return keySource(id, secret, profile.aws_session_token);
  }
  return profileSource(source, input, region, seen);
}

function credentialSource(
  name: string | undefined,
  input: ConfigureInput,
  region: string,
): AwsSource | ConfigureProblem {
  const source =
    name === "Environment"
      ? environmentSource(input, region)
      : name === "EcsContainer"
        ? containerSource(input)
        : name === "Ec2InstanceMetadata"
          ? instanceSource(input.environment)
          : undefined;
  return (
    source ?? invalid("aws_profile_name", `the credential_source ${JSON.stringify(name ?? "")} gives no AWS keys.`)
  );
}

function roleSource(
  input: ConfigureInput,
  region: string,
  role: string,
  by: AwsSource,
  session: string,
  external: string | undefined,
): AwsSource {
  return {
    type: "role",
    role,
    session,
    by,
    region,
    sts: stsAddress(input, region),
    ...(external === undefined ? {} : { externalId: external }),
  };
}

/** `aws_web_identity_token`: the token, a file's path, or LiteLLM's `oidc/file/…` and `oidc/env/…`. */
function webIdentity(input: ConfigureInput, region: string, given: string): AwsSource | ConfigureProblem {
  const role = readParameter(input.params, ["aws_role_name"]) ?? readEnvironment(input.environment, ["AWS_ROLE_ARN"]);
  if (role === undefined) {
    return {
      code: "missing_credential",
      key: "aws_role_name",
      message: "aws_web_identity_token needs a role: set litellm_params.aws_role_name.",
    };
  }
  const token = identityToken(input, given);
  if ("code" in token) return token;
  return { type: "web-identity", role, session: sessionName(input), token, sts: stsAddress(input, region) };
}

function identityToken(input: ConfigureInput, given: string): AwsToken | ConfigureProblem {
  const [, kind, name] = /^oidc\/([a-z_]+)\/(.+)$/.exec(given) ?? [];
  if (kind === undefined || name === undefined) {
    return given.startsWith("/") ? tokenFile(given, input.readFile) : { text: given };
  }
  if (kind === "file") return tokenFile(name.startsWith("/") ? name : `/${name}`, input.readFile);
  const value = readEnvironment(input.environment, [name]);
  if (kind === "env" && value !== undefined) return { text: value };
  if (kind === "env_path" && value !== undefined) return tokenFile(value, input.readFile);
  return invalid("aws_web_identity_token", `${JSON.stringify(given)} gives no token.`);
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html (2026-11-24) */
function containerSource(input: ConfigureInput): AwsSource | undefined {
  const relative = readEnvironment(input.environment, ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]);
  const full = readEnvironment(input.environment, ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]);
  const url = relative === undefined ? full : `http://169.254.170.2${relative}`;
  if (url === undefined || !isContainerAddress(url)) return undefined;
  const file = readEnvironment(input.environment, ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);
  const text = readEnvironment(input.environment, ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]);
  const token = file !== undefined ? tokenFile(file, input.readFile) : text === undefined ? undefined : { text };
  return { type: "container", url, ...(token === undefined ? {} : { token }) };
}

/** Without TLS, keys may only come from the machine itself or from the addresses of ECS and EKS. */
function isContainerAddress(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:") return true;
  return ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"].includes(hostname);
}

function instanceSource(environment: ConfigureInput["environment"]): AwsSource | ConfigureProblem {
  if (readEnvironment(environment, ["AWS_EC2_METADATA_DISABLED"])?.toLowerCase() === "true") {
    return {
      code: "missing_credential",
      key: "aws_access_key_id",
      message:
        "No AWS keys: set litellm_params.aws_access_key_id and aws_secret_access_key, aws_profile_name, aws_role_name, or the environment variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    };
  }
  const base = readEnvironment(environment, ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]) ?? "http://169.254.169.254";
  return { type: "instance", base: base.replace(/\/+$/, "") };
}

function invalid(key: string, message: string): ConfigureProblem {
  return { code: "invalid_value", key, message };
}
