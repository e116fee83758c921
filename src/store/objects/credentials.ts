import type { JsonObject } from "../../json/json.ts";
import type { Secrets } from "../secrets.ts";
import { ObjectTable } from "./object-table.ts";
import type { CredentialTable } from "./tables.ts";

export type CredentialRow = Readonly<CredentialTable>;

/** Credentials that deployments may use by `litellm_credential_name`. */
export const credentials = new ObjectTable("credential", "credential_name");

/** `credential_values` as the column keeps them: every string sealed, bound to its credential. */
export function sealValues(secrets: Secrets, name: string, values: JsonObject): string {
  return JSON.stringify(secrets.sealObject(values, `credential:${name}`));
}

/** Throws UnreadableSecret when they were sealed with a key that is not here. */
export function unsealValues(
  secrets: Secrets,
  { credential_name, credential_values }: Pick<CredentialRow, "credential_name" | "credential_values">,
): JsonObject {
  return secrets.unsealObject(JSON.parse(credential_values) as JsonObject, `credential:${credential_name}`);
}
