import { asString, type JsonObject } from "../../json/json.ts";
import { azureAdCredentials, azureAdToken } from "../../providers/azure-ad.ts";
import type { ConfigureInput, Send } from "../../providers/provider.ts";
import { type ObjectService, objectPath, xmlTexts } from "./object-service.ts";

const API_VERSION = "2023-11-03";
const SCOPE = "https://storage.azure.com/.default";

/**
 * A container of Azure Blob Storage, by a service principal (`AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`).
 * A text says what is missing. https://learn.microsoft.com/rest/api/storageservices/list-blobs (2026-11-26)
 */
export function azureBlobService(
  params: JsonObject,
  environment: ConfigureInput["environment"],
  send: Send,
): ObjectService | string {
  const account = asString(params.azure_account_url)?.replace(/\/+$/, "");
  const container = asString(params.azure_blob_container);
  if (account === undefined) return "azure_account_url is not set";
  if (container === undefined) return "azure_blob_container is not set";
  const found = azureAdCredentials({ params: {}, model: "", environment }, true);
  if (found === undefined) return "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET must be set";
  const credentials = { ...found, scope: SCOPE };
  const base = `${account}/${container}`;
  return {
    type: "azure-blob",
    url: (name) => (name === undefined ? base : `${base}/${objectPath(name)}`),
    listQuery: (prefix, from) => ({
      restype: "container",
      comp: "list",
      prefix,
      ...(from === undefined ? {} : { marker: from }),
    }),
    readPage: (xml) => ({
      names: xmlTexts(xml, "Name"),
      next: xmlTexts(xml, "NextMarker").find((marker) => marker !== ""),
    }),
    writeHeaders: { "content-type": "application/json", "x-ms-blob-type": "BlockBlob" },
    metadataPrefix: "x-ms-meta-",
    authorize: async (request) => ({
      ...request,
      headers: {
        ...request.headers,
        "x-ms-version": API_VERSION,
        authorization: `Bearer ${await azureAdToken(credentials, send)}`,
      },
    }),
  };
}
