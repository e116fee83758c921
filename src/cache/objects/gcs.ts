import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { readEnvironment } from "../../providers/credentials.ts";
import { type GoogleCredentials, googleToken } from "../../providers/google-token.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import { type ObjectService, objectPath, s3Listing } from "./object-service.ts";

/**
 * A bucket of Google Cloud Storage, by its XML API. Credentials are those of `gcs_path_service_account`, else of
 * `GOOGLE_APPLICATION_CREDENTIALS`, else of the machine. A text says what is missing.
 * https://cloud.google.com/storage/docs/xml-api/get-bucket-list (2026-11-26)
 */
export function gcsService(
  params: JsonObject,
  environment: ConfigureInput["environment"],
  readFile: ConfigureInput["readFile"],
  send: Send,
): ObjectService | string {
  const bucket = asString(params.gcs_bucket_name) ?? readEnvironment(environment, ["GCS_BUCKET_NAME"]);
  if (bucket === undefined) return "gcs_bucket_name is not set";
  const file =
    asString(params.gcs_path_service_account) ??
    readEnvironment(environment, ["GCS_PATH_SERVICE_ACCOUNT", "GOOGLE_APPLICATION_CREDENTIALS"]);
  let credentials: GoogleCredentials | undefined;
  if (file !== undefined) {
    const text = readFile?.(file);
    credentials = text === undefined ? undefined : (asObject(parseJson(text)) as GoogleCredentials | undefined);
    if (credentials === undefined) return `${file} is no file with Google credentials`;
  }
  const host = readEnvironment(environment, ["STORAGE_EMULATOR_HOST"])?.replace(/\/+$/, "");
  const base = `${host ?? "https://storage.googleapis.com"}/${bucket}`;
  return {
    type: "gcs",
    url: (name) => (name === undefined ? base : `${base}/${objectPath(name)}`),
    ...s3Listing,
    writeHeaders: { "content-type": "application/json" },
    metadataPrefix: "x-goog-meta-",
    authorize: async (request) => ({
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${await googleToken(credentials, send)}` },
    }),
  };
}
