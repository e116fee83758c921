import { z } from "zod";
import { asArray } from "../../json/json.ts";
import { readSetting, writeSetting } from "../../store/objects/settings.ts";
import { change } from "../change.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";

const SETTING = "public_model_groups";

/** Model groups that everybody may know of: those of the configuration, or else those that were chosen here. */
export async function publicGroups(management: Management): Promise<readonly string[]> {
  const declared = management.snapshot().library.raw.public_model_groups;
  return texts(declared ?? (await readSetting(management.database.kysely, SETTING)));
}

export const publicGroupRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/model_group/make_public",
    permission: "admin",
    tag: "model management",
    summary: "Choose the model groups that /public/model_hub shows to everybody",
    body: z.object({ model_groups: f.names }),
    handle: async ({ body, ...actor }) => {
      const { management } = actor;
      const snapshot = management.snapshot();
      if (Array.isArray(snapshot.library.raw.public_model_groups)) {
        const { file, line } = snapshot.locate(["litellm_settings", SETTING]);
        throw refused(400, `public_model_groups is declared in ${file}, line ${line}: it can only be changed there`);
      }
      const known = new Set([...snapshot.groups.keys(), ...snapshot.wildcards.map(({ pattern }) => pattern)]);
      const unknown = body.model_groups.find((name) => !known.has(name));
      if (unknown !== undefined) throw refused(400, `Model group not found: ${unknown}`);
      await change(actor, async ({ connection, now, by, record }) => {
        const before = texts(await readSetting(connection, SETTING));
        await writeSetting(connection, { name: SETTING, value: body.model_groups, at: now, by });
        await record("setting", "updated", SETTING, { [SETTING]: before }, { [SETTING]: body.model_groups });
      });
      return {
        message: "Successfully made model groups public",
        public_model_groups: body.model_groups,
        updated_by: actor.principal.userId ?? actor.principal.keyHash,
      };
    },
  }),
];

function texts(value: unknown): readonly string[] {
  return asArray(value).filter((name): name is string => typeof name === "string");
}
