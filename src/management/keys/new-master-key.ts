import { MASTER_KEY_NAME } from "../../auth/principal.ts";
import type { JsonObject } from "../../json/json.ts";
import { type Actor, change } from "../change.ts";
import { badRequest, forbidden } from "../refusals.ts";

/**
 * Seals the stored secrets for another master key, where it is the master key that seals them: from the next start with
 * it on they can be read. The key itself is the environment's to change.
 */
export async function sealForMasterKey(actor: Actor, key: string): Promise<JsonObject> {
  const { management, principal } = actor;
  if (principal.keyHash !== MASTER_KEY_NAME) throw forbidden("Only the master key can seal for another master key");
  if (!management.sealedByMasterKey) {
    throw badRequest(
      "LITELLM_SALT_KEY seals the stored secrets, so that nothing depends on the master key: set LITELLM_MASTER_KEY and restart",
      "new_master_key",
    );
  }
  if (!/^sk-[\x21-\x7e]{8,}$/.test(key)) {
    throw badRequest("A master key begins with 'sk-' and has no spaces", "new_master_key");
  }
  await change(actor, async ({ connection, record }) => {
    await management.secrets.load(connection);
    await management.secrets.rewrap(connection, key);
    await record("setting", "rotated", "master_key", null, null);
  });
  return {
    message:
      "Stored secrets are sealed for the new master key. Set LITELLM_MASTER_KEY to it and restart every process; until then they cannot be read after a start",
  };
}
