import { createPublicKey } from "node:crypto";
import { z } from "zod";
import { asArray, asObject, asString, type JsonObject } from "../../json/json.ts";
import { credentials } from "../../store/objects/credentials.ts";
import { storedModels } from "../../store/objects/stored-models.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { maskAll } from "../mask-secrets.ts";
import { isSecretParam, maskedParams, openParams } from "../models/model-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { migrateEncryption } from "./migrate-encryption.ts";
import {
  createCredential,
  deleteCredential,
  openValues,
  showCredential,
  updateCredential,
} from "./write-credentials.ts";

const TAG = "credential management";
const described = { tag: TAG } as const;
const values = z.record(f.name, z.json()).refine(f.hasNoNul, "The character U+0000 is not allowed");

const newBody = z.object({
  credential_name: f.requiredName,
  display_name: f.optionalName,
  credential_info: values,
  credential_values: values.nullish(),
  model_id: f.optionalName,
});

const updateBody = z.object({
  credential_name: f.requiredName.nullish(),
  display_name: f.optionalName,
  credential_info: values.nullish(),
  credential_values: values.nullish(),
  credential_values_to_delete: f.optionalNames,
  model_id: f.optionalName,
});

/** Credentials that deployments use by their name; values are never shown. */
export const credentialRoutes: readonly ManagementRoute[] = [
  route({
    ...described,
    method: "POST",
    path: "/credentials",
    permission: "admin",
    summary: "Keep a credential, sealed; of a model's own parameters where model_id names one",
    body: newBody,
    handle: async ({ body, ...actor }) => {
      await createCredential(actor, body as Parameters<typeof createCredential>[1]);
      return { success: true, message: "Credential created successfully" };
    },
  }),
  route({
    ...described,
    method: "GET",
    path: "/credentials",
    permission: "view",
    summary: "Credentials of the database and of the files, values masked",
    handle: async ({ management }) => {
      const rows = await credentials.all(management.database.kysely);
      const stored = rows.map((row) => showCredential(row, management.secrets));
      return { success: true, credentials: [...declaredOnes(management), ...stored] };
    },
  }),
  route({
    ...described,
    method: "GET",
    path: "/credentials/by_name/{credential_name}",
    permission: "view",
    summary: "A credential, values masked",
    handle: ({ management, params }) => namedCredential(management, params.credential_name ?? ""),
  }),
  route({
    ...described,
    method: "GET",
    path: "/credentials/by_model/{model_id}",
    permission: "view",
    summary: "The credentials of a model of the database, values masked",
    handle: async ({ management, params }) => {
      const id = params.model_id ?? "";
      const row = await storedModels.find(management.database.kysely, id);
      if (row === undefined) throw refused(404, `Model not found. Got model id: ${id}`);
      const own = openParams(row, management.secrets);
      const secret = Object.entries(own).filter(([name]) => isSecretParam(name) || CREDENTIAL_PARTS.has(name));
      return {
        credential_name: `${row.model_name}-credential-${id}`,
        credential_values: maskedParams(Object.fromEntries(secret)),
        credential_info: {},
      };
    },
  }),
  route({
    ...described,
    method: "GET",
    path: "/credentials/{credential_name}/jwks",
    permission: "view",
    summary: "The public half of a credential's private key, for the provider that checks its signatures",
    handle: async ({ management, params }) => {
      const name = params.credential_name ?? "";
      const row = await credentials.find(management.database.kysely, name);
      if (row === undefined) throw notThere(name);
      return { keys: publicKeys(openValues(row, management.secrets), name) };
    },
  }),
  route({
    ...described,
    method: "PATCH",
    path: "/credentials/{credential_name}",
    permission: "admin",
    summary: "Change a credential: values that are sent are merged into those that are there",
    body: updateBody,
    handle: async ({ body, params, ...actor }) => {
      await updateCredential(actor, params.credential_name ?? "", body as Parameters<typeof updateCredential>[2]);
      return { success: true, message: "Credential updated successfully" };
    },
  }),
  route({
    ...described,
    method: "DELETE",
    path: "/credentials/{credential_name}",
    permission: "admin",
    summary: "Forget a credential that no model uses",
    handle: async ({ params, ...actor }) => {
      await deleteCredential(actor, params.credential_name ?? "");
      return { success: true, message: "Credential deleted successfully" };
    },
  }),
  route({
    ...described,
    method: "GET",
    path: "/credentials/migrate-encryption/check",
    permission: "view",
    summary: "How many stored secrets are sealed with the key now in use",
    handle: ({ management, ...actor }) => migrateEncryption({ management, ...actor }, { dryRun: true, rotate: false }),
  }),
  route({
    ...described,
    method: "POST",
    path: "/credentials/migrate-encryption",
    permission: "admin",
    summary: "Seal stored secrets anew with the key now in use; with rotate=true with a new one",
    query: { dry_run: z.boolean().default(false), rotate: z.boolean().default(false) },
    handle: ({ query, ...actor }) => migrateEncryption(actor, { dryRun: query.dry_run, rotate: query.rotate }),
  }),
];

/** What belongs to a credential beside its secrets. */
const CREDENTIAL_PARTS: ReadonlySet<string> = new Set([
  ...["api_base", "api_version", "aws_access_key_id", "aws_region_name", "vertex_project", "vertex_location"],
  ...["tenant_id", "client_id", "organization", "project"],
]);

function declaredOnes(management: Management): JsonObject[] {
  return asArray(management.snapshot().document.credential_list).flatMap((item) => {
    const one = asObject(item);
    const name = asString(one?.credential_name);
    if (one === undefined || name === undefined) return [];
    return [
      {
        credential_name: name,
        display_name: null,
        credential_values: maskAll(one.credential_values ?? {}),
        credential_info: one.credential_info ?? {},
      },
    ];
  });
}

async function namedCredential(management: Management, name: string): Promise<JsonObject> {
  const declared = declaredOnes(management).find((one) => one.credential_name === name);
  if (declared !== undefined) return declared;
  const row = await credentials.find(management.database.kysely, name);
  if (row === undefined) throw notThere(name);
  return showCredential(row, management.secrets);
}

function notThere(name: string): Error {
  return refused(404, `Credential not found. Got credential name: ${name}`);
}

/** PEM texts in the values, as JSON Web Keys without their private halves. */
function publicKeys(own: JsonObject, name: string): JsonObject[] {
  const keys: JsonObject[] = [];
  for (const [member, value] of Object.entries(own)) {
    if (typeof value !== "string" || !value.includes("PRIVATE KEY-----")) continue;
    try {
      keys.push({
        ...(createPublicKey(value).export({ format: "jwk" }) as JsonObject),
        kid: `${name}.${member}`,
        use: "sig",
      });
    } catch (cause) {
      throw refused(400, `${member} of the credential ${name} is no private key: ${String((cause as Error).message)}`);
    }
  }
  if (keys.length === 0) throw refused(404, `The credential ${name} has no private key`);
  return keys;
}
