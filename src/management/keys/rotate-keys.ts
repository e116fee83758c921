import type { Principal } from "../../auth/principal.ts";
import { asString } from "../../json/json.ts";
import { addDuration, parseDuration } from "../../store/objects/budget-window.ts";
import { type KeyRow, keys } from "../../store/objects/keys.ts";
import type { Connection } from "../../store/objects/object-table.ts";
import type { Management } from "../management.ts";
import { settingsOf } from "../object-shape.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { ROTATED_SECRET, secretContext } from "./rotated-secret.ts";
import { regenerateKey } from "./write-keys.ts";

const PAGE = 500;
/** The job acts as an administrator of this name, which the audit log shows. */
const ACTOR: Principal = { keyHash: "key_rotation", role: "proxy_admin" };

export interface KeyRotationOptions {
  readonly intervalSeconds: number;
  /** How long the old secret goes on working (`24h`): the time in which its holder can ask for the new one. */
  readonly gracePeriod: string;
}

/** Rotates the keys with `auto_rotate` whose time has come, and looks again every interval. */
export function openKeyRotation(management: Management, options: KeyRotationOptions): { readonly close: () => void } {
  const run = async (): Promise<void> => {
    try {
      await rotateDueKeys(management, options.gracePeriod);
    } catch (error) {
      management.log.warning("keys cannot be rotated now", { reason: String(error) });
    }
  };
  void run();
  const timer = setInterval(() => void run(), options.intervalSeconds * 1_000);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

/** Rotates what is due and forgets secrets that nobody can ask for any more. Returns how many keys were rotated. */
export async function rotateDueKeys(management: Management, gracePeriod: string): Promise<number> {
  const { database, log } = management;
  let rotated = 0;
  for (const row of await withSetting(database.kysely, '"auto_rotate":true')) {
    const due = asString(settingsOf({ ...row }).key_rotation_at);
    if (due === undefined || Date.parse(due) > management.now()) continue;
    try {
      const actor = { management, principal: ACTOR, headers: new Headers() };
      await regenerateKey(actor, row.token, { grace_period: gracePeriod }, { keepSealed: true });
      rotated++;
      log.info("a key was rotated", { alias: row.key_alias ?? undefined, name: row.key_name });
    } catch (error) {
      // Another process was faster, or somebody deleted it.
      if ((await keys.find(database.kysely, row.token)) !== undefined) throw error;
    }
  }
  await forgetSecrets(management, gracePeriod);
  return rotated;
}

async function withSetting(connection: Connection, text: string): Promise<KeyRow[]> {
  const found: KeyRow[] = [];
  for (let offset = 0; ; offset += PAGE) {
    const page = { orderBy: "created_at", descending: false, limit: PAGE, offset };
    const { rows } = await keys.page(connection, { ...page, where: [{ column: "settings", contains: text }] });
    found.push(...rows);
    if (rows.length < PAGE) return found;
  }
}

async function forgetSecrets(management: Management, gracePeriod: string): Promise<void> {
  const { kysely } = management.database;
  const grace = parseDuration(gracePeriod);
  for (const row of await withSetting(kysely, `"${ROTATED_SECRET}":`)) {
    const { [ROTATED_SECRET]: _, ...settings } = settingsOf({ ...row });
    const at = Date.parse(String(settings.last_rotation_at));
    if (grace !== undefined && addDuration(at, grace) > management.now()) continue;
    await keys.update(kysely, row.token, { settings: JSON.stringify(settings) });
  }
}

export const rotatedKeyRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/key/rotated",
    permission: "key",
    tag: "key management",
    summary: "The secret that replaced the one that this is called with, while the old one still works",
    handle: async ({ management, principal }) => {
      const row = await keys.find(management.database.kysely, principal.keyHash);
      const settings = row === undefined ? {} : settingsOf({ ...row });
      const sealed = asString(settings[ROTATED_SECRET]);
      if (row === undefined || sealed === undefined) throw refused(404, "This key was not rotated by itself");
      return {
        key: management.secrets.unseal(sealed, secretContext(row.token)),
        token_id: row.token,
        key_alias: row.key_alias,
        rotated_at: settings.last_rotation_at ?? null,
        key_rotation_at: settings.key_rotation_at ?? null,
      };
    },
  }),
];
