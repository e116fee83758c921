import { z } from "zod";
import { isObject, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import { type StoredModelRow, unsealParams } from "../../store/objects/stored-models.ts";
import { type Secrets, UnreadableSecret } from "../../store/secrets.ts";
import * as f from "../fields.ts";
import { isSecretName, maskAll, maskSecrets, maskText } from "../mask-secrets.ts";
import { isoTime } from "../object-shape.ts";

const json = z.record(z.string(), z.json());
const plain = (value: JsonObject): boolean => !JSON.stringify(value).includes("\\u0000");
const NUL = "The character U+0000 is not allowed";

/** `litellm_params`: how the model is called. Parameters that are not named here are kept, too. */
const params = z
  .looseObject({
    model: f.requiredName,
    api_key: f.line.nullish(),
    api_base: z.string().max(2_048).nullish(),
    api_version: z.string().max(64).nullish(),
    custom_llm_provider: f.optionalName,
    litellm_credential_name: f.optionalName,
  })
  .refine((value) => plain(value as JsonObject), NUL);

const info = z
  .looseObject({
    id: f.optionalName,
    team_id: f.optionalName,
    team_public_model_name: f.optionalName,
    base_model: f.optionalName,
    mode: f.optionalName,
    access_groups: f.optionalNames,
  })
  .refine((value) => plain(value as JsonObject), NUL);

export const newModelBody = z.object({
  model_name: f.requiredName,
  litellm_params: params,
  model_info: info.nullish(),
  blocked: f.flag,
});

export const updateModelBody = z.object({
  model_name: f.requiredName.nullish(),
  litellm_params: json.refine((value) => plain(value as JsonObject), NUL).nullish(),
  model_info: info.nullish(),
  blocked: f.flag,
});

/** A model as the API shows it: what sounds secret in `litellm_params` is masked. */
export function showModel(row: StoredModelRow, secrets: Secrets): MutableJsonObject {
  return {
    model_id: row.model_id,
    model_name: row.model_name,
    litellm_params: maskedParams(openParams(row, secrets)),
    model_info: { ...(JSON.parse(row.model_info) as JsonObject), id: row.model_id, db_model: true },
    blocked: row.blocked === 1,
    created_at: isoTime(row.created_at),
    created_by: row.created_by,
    updated_at: isoTime(row.updated_at),
    updated_by: row.updated_by,
  };
}

/** Of a row that another salt key sealed nothing can be shown; it can still be replaced or deleted. */
export function openParams(row: StoredModelRow, secrets: Secrets): JsonObject {
  try {
    return unsealParams(secrets, row);
  } catch (error) {
    if (error instanceof UnreadableSecret) return {};
    throw error;
  }
}

/** `litellm_params` without its secrets: keys, tokens, passwords, headers, and passwords in addresses. */
export function maskedParams(value: JsonObject): JsonObject {
  const masked: MutableJsonObject = { ...maskSecrets(value) };
  for (const [name, member] of Object.entries(masked)) {
    if (HEADERS.test(name) && isObject(member)) masked[name] = maskAll(member);
    else if (typeof member === "string") masked[name] = member.replace(/\/\/[^/@\s]*@/, "//****@");
  }
  return masked;
}

const HEADERS = /(^|_)headers$/;

/** Whether a parameter is of those that are never shown. */
export function isSecretParam(name: string): boolean {
  return isSecretName(name) || HEADERS.test(name);
}

/**
 * Parameters with changes on top: null clears. A secret that comes back as it was shown, masked, stays what it was.
 */
export function mergedParams(before: JsonObject, changes: JsonObject): JsonObject {
  const merged: MutableJsonObject = { ...before };
  for (const [name, value] of Object.entries(changes)) {
    const known = before[name];
    if (typeof value === "string" && typeof known === "string" && isSecretName(name) && value === maskText(known)) {
      continue;
    }
    if (value === null || value === undefined) delete merged[name];
    else merged[name] = value;
  }
  return merged;
}
