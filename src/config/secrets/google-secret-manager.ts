import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { readEnvironment } from "../../providers/credentials.ts";
import { type GoogleCredentials, googleToken } from "../../providers/google-token.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import type { Environment } from "../references.ts";
import { refusalOf, type SecretManager } from "./secret-manager.ts";

const LABEL = "Google Secret Manager";

/**
 * The latest version of each secret of a project.
 * https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access (2026-11-25)
 */
export function googleSecretManager(
  environment: Environment,
  readFile: ConfigureInput["readFile"],
  send: Send,
): SecretManager | string {
  const read = (...names: string[]) => readEnvironment(environment, names);
  const file = read("GOOGLE_APPLICATION_CREDENTIALS");
  let credentials: GoogleCredentials | undefined;
  if (file !== undefined) {
    const text = readFile?.(file);
    credentials = text === undefined ? undefined : (asObject(parseJson(text)) as GoogleCredentials | undefined);
    if (credentials === undefined) return "GOOGLE_APPLICATION_CREDENTIALS names no file with credentials";
  }
  const project = read("GOOGLE_SECRET_MANAGER_PROJECT_ID", "GOOGLE_CLOUD_PROJECT") ?? credentials?.project_id;
  if (project === undefined) return "GOOGLE_SECRET_MANAGER_PROJECT_ID is not set";
  const base = read("GOOGLE_SECRET_MANAGER_ENDPOINT")?.replace(/\/+$/, "") ?? "https://secretmanager.googleapis.com";
  return {
    label: LABEL,
    async read(name) {
      const response = await send({
        method: "GET",
        url: `${base}/v1/projects/${encodeURIComponent(project)}/secrets/${encodeURIComponent(name)}/versions/latest:access`,
        headers: { authorization: `Bearer ${await googleToken(credentials, send)}` },
        body: undefined,
      });
      if (response.status === 404) return undefined;
      if (!response.ok) throw await refusalOf(LABEL, response);
      const data = asString(asObject(((await response.json()) as JsonObject).payload)?.data);
      return data === undefined ? undefined : Buffer.from(data, "base64").toString("utf8");
    },
  };
}
