import { ObjectTable } from "./object-table.ts";
import type { CredentialTable } from "./tables.ts";

export type CredentialRow = Readonly<CredentialTable>;

export const credentials = new ObjectTable("credential", "credential_name");
