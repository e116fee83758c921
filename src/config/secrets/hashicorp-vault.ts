import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { readEnvironment } from "../../providers/credentials.ts";
import { accessToken } from "../../providers/oauth-token.ts";
import type { Send } from "../../providers/provider.ts";
import type { Environment } from "../references.ts";
import { refusalOf, type SecretManager, SecretUnavailable } from "./secret-manager.ts";

const LABEL = "HashiCorp Vault";

/**
 * Vault's key-value engine, version 2, with a token or an AppRole: the secret `name` is the member `key` (or `value`, or
 * the only one) of what is kept at `MOUNT/data/PREFIX/name`.
 * https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version (2026-11-25)
 */
export function hashicorpVault(environment: Environment, send: Send): SecretManager | string {
  const read = (...names: string[]) => readEnvironment(environment, names);
  const address = read("HCP_VAULT_ADDR", "VAULT_ADDR")?.replace(/\/+$/, "");
  if (address === undefined) return "HCP_VAULT_ADDR is not set";
  const given = read("HCP_VAULT_TOKEN", "VAULT_TOKEN");
  const role = read("HCP_VAULT_APPROLE_ROLE_ID");
  const roleSecret = read("HCP_VAULT_APPROLE_SECRET_ID");
  if (given === undefined && (role === undefined || roleSecret === undefined)) {
    return "neither HCP_VAULT_TOKEN nor HCP_VAULT_APPROLE_ROLE_ID with HCP_VAULT_APPROLE_SECRET_ID is set";
  }
  const namespace = read("HCP_VAULT_NAMESPACE", "VAULT_NAMESPACE");
  const extra: Record<string, string> = namespace === undefined ? {} : { "x-vault-namespace": namespace };
  const mount = read("HCP_VAULT_MOUNT_NAME") ?? "secret";
  const prefix = read("HCP_VAULT_PATH_PREFIX");
  const login = read("HCP_VAULT_APPROLE_MOUNT_PATH") ?? "approle";

  const token = (): Promise<string> =>
    given !== undefined
      ? Promise.resolve(given)
      : accessToken({
          issuer: LABEL,
          name: `vault ${address} ${role}`,
          send,
          request: {
            method: "POST",
            url: `${address}/v1/auth/${login}/login`,
            headers: { "content-type": "application/json", ...extra },
            body: JSON.stringify({ role_id: role, secret_id: roleSecret }),
          },
          read: (answer) => {
            const auth = asObject(answer.auth);
            const issued = asString(auth?.client_token);
            return issued === undefined
              ? undefined
              : { token: issued, lifetime: asNumber(auth?.lease_duration) ?? 3600 };
          },
        });

  return {
    label: LABEL,
    async read(name) {
      const path = [mount, "data", ...(prefix === undefined ? [] : [prefix]), name].map(encodePath).join("/");
      const response = await send({
        method: "GET",
        url: `${address}/v1/${path}`,
        headers: { "x-vault-token": await token(), ...extra },
        body: undefined,
      });
      if (response.status === 404) return undefined;
      if (!response.ok) throw await refusalOf(LABEL, response);
      const members = asObject(asObject(((await response.json()) as JsonObject).data)?.data) ?? {};
      const value = members.key ?? members.value ?? onlyMember(members);
      if (typeof value === "string") return value;
      throw new SecretUnavailable(`${LABEL} keeps several members at ${name}; one of them must be called key or value`);
    },
  };
}

function encodePath(part: string): string {
  return part
    .split("/")
    .filter((step) => step !== "")
    .map(encodeURIComponent)
    .join("/");
}

function onlyMember(members: JsonObject): unknown {
  const values = Object.values(members);
  return values.length === 1 ? values[0] : undefined;
}
