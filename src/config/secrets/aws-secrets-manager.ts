import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { configureAws } from "../../providers/aws-configure.ts";
import { awsKeys } from "../../providers/aws-keys.ts";
import { awsDomain } from "../../providers/aws-region.ts";
import { signAwsRequest } from "../../providers/aws-signature.ts";
import { readEnvironment } from "../../providers/credentials.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import type { Environment } from "../references.ts";
import { refusalOf, type SecretManager } from "./secret-manager.ts";

const LABEL = "AWS Secrets Manager";

/**
 * `GetSecretValue`. With `primarySecret` all names are members of that one secret's JSON.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html (2026-11-25)
 */
export function awsSecretsManager(
  environment: Environment,
  settings: JsonObject,
  readFile: ConfigureInput["readFile"],
  send: Send,
): SecretManager | string {
  const configured = configureAws({
    params: settings,
    model: "",
    environment,
    ...(readFile === undefined ? {} : { readFile }),
  });
  if ("code" in configured) return configured.message;
  const { region, source } = configured;
  const primary = asString(settings.primary_secret_name);
  const base =
    readEnvironment(environment, ["AWS_ENDPOINT_URL_SECRETS_MANAGER"])?.replace(/\/+$/, "") ??
    `https://secretsmanager.${region}.${awsDomain(region)}`;

  const fetchSecret = async (id: string): Promise<string | undefined> => {
    const request = {
      method: "POST",
      url: `${base}/`,
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "secretsmanager.GetSecretValue" },
      body: JSON.stringify({ SecretId: id }),
    } as const;
    const keys = await awsKeys(source, send);
    const response = await send(await signAwsRequest(request, { keys, region, service: "secretsmanager" }));
    if (response.status === 400) {
      const text = await response.text();
      if (text.includes("ResourceNotFoundException")) return undefined;
      throw await refusalOf(LABEL, new Response(text, { status: 400 }));
    }
    if (!response.ok) throw await refusalOf(LABEL, response);
    const answer = (await response.json()) as JsonObject;
    const text = asString(answer.SecretString);
    if (text !== undefined) return text;
    const binary = asString(answer.SecretBinary);
    return binary === undefined ? undefined : Buffer.from(binary, "base64").toString("utf8");
  };

  let members: Promise<JsonObject> | undefined;
  return {
    label: LABEL,
    async read(name) {
      if (primary === undefined) return fetchSecret(name);
      members ??= fetchSecret(primary).then((text) => asObject(parseJson(text ?? "{}")) ?? {});
      const value = (await members)[name];
      return typeof value === "string"
        ? value
        : value === undefined || value === null
          ? undefined
          : JSON.stringify(value);
    },
  };
}
