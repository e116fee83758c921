import { z } from "zod";
import { asArray, asObject, asString, type JsonObject } from "../../json/json.ts";
import { type TeamRow, teams } from "../../store/objects/teams.ts";
import { Authority } from "../authority.ts";
import { type Actor, change } from "../change.ts";
import * as f from "../fields.ts";
import { maskAll } from "../mask-secrets.ts";
import { settingsOf } from "../object-shape.ts";
import { forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { administeredTeam } from "./members.ts";
import { auditedTeam, showTeam, TEAM_SHAPE } from "./team-shape.ts";

const TAG = "team management";
const TYPES = ["success", "failure", "success_and_failure"] as const;

/** A logging callback of a team, as its row keeps it: the variables sealed. */
interface TeamCallback {
  readonly callback_name: string;
  readonly callback_type: (typeof TYPES)[number];
  readonly callback_vars: JsonObject;
}

/** Where a team's requests are logged, beside what the configuration says. */
export const teamCallbackRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/team/{team_id}/callback",
    permission: "manage",
    tag: TAG,
    summary: "Name a callback for a team's requests, with variables of its own, which are sealed",
    body: z.object({
      callback_name: f.requiredName,
      callback_type: z.enum(TYPES).nullish(),
      callback_vars: z.record(f.name, f.text),
    }),
    handle: async ({ body, params, ...actor }) => {
      const { secrets } = actor.management;
      const teamId = params.team_id ?? "";
      const type = body.callback_type ?? "success_and_failure";
      const row = await setCallbacks(actor, teamId, (callbacks) => {
        if (callbacks.some((one) => one.callback_name === body.callback_name && overlap(one.callback_type, type))) {
          throw refused(400, `callback_name = ${body.callback_name} already exists for ${type}, team_id = ${teamId}`);
        }
        const vars = secrets.sealObject(body.callback_vars, teamCallbackContext(teamId));
        return [...callbacks, { callback_name: body.callback_name, callback_type: type, callback_vars: vars }];
      });
      return { status: "success", data: await showTeam(actor.management, row) };
    },
  }),
  route({
    method: "GET",
    path: "/team/{team_id}/callback",
    permission: "own",
    tag: TAG,
    summary: "The callbacks of a team, variables masked",
    handle: async ({ management, principal, params }) => {
      const connection = management.database.kysely;
      const row = await teams.find(connection, params.team_id ?? "");
      if (row === undefined) throw refused(404, `Team id = ${params.team_id} does not exist.`);
      if (!(await new Authority(principal, connection).seesTeam(row))) {
        throw forbidden(`You may only see teams that you belong to. team_id=${row.team_id}`);
      }
      const vars = callbacksOf(row).map((one) =>
        management.secrets.unsealObject(one.callback_vars, teamCallbackContext(row.team_id)),
      );
      return {
        status: "success",
        data: { ...namesOf(row), callback_vars: maskAll(Object.assign({}, ...vars) as JsonObject) },
      };
    },
  }),
  route({
    method: "DELETE",
    path: "/team/{team_id}/callback/{callback_name}",
    permission: "manage",
    tag: TAG,
    summary: "Take a callback from a team",
    handle: async ({ params, ...actor }) => {
      const row = await setCallbacks(actor, params.team_id ?? "", (callbacks) => {
        const others = callbacks.filter((one) => one.callback_name !== params.callback_name);
        if (others.length === callbacks.length) throw refused(404, `The team has no callback ${params.callback_name}`);
        return others;
      });
      return { status: "success", data: namesOf(row) };
    },
  }),
  route({
    method: "POST",
    path: "/team/{team_id}/disable_logging",
    permission: "manage",
    tag: TAG,
    summary: "Take every callback from a team",
    handle: async ({ params, ...actor }) => {
      const row = await setCallbacks(actor, params.team_id ?? "", () => []);
      return { status: "success", message: `Logging disabled for team ${row.team_id}`, data: namesOf(row) };
    },
  }),
];

/** What binds the sealed variables of a team's callbacks to their place. */
export function teamCallbackContext(teamId: string): string {
  return `team-callback:${teamId}`;
}

function overlap(a: TeamCallback["callback_type"], b: TeamCallback["callback_type"]): boolean {
  return a === b || a === "success_and_failure" || b === "success_and_failure";
}

function callbacksOf(row: TeamRow): TeamCallback[] {
  return asArray(settingsOf({ ...row }).logging).flatMap((item) => {
    const one = asObject(item);
    const name = asString(one?.callback_name);
    const type = TYPES.find((known) => known === one?.callback_type);
    if (name === undefined || type === undefined) return [];
    return [{ callback_name: name, callback_type: type, callback_vars: asObject(one?.callback_vars) ?? {} }];
  });
}

function namesOf(row: TeamRow): JsonObject {
  const names = (type: string): string[] =>
    callbacksOf(row)
      .filter((one) => one.callback_type === type || one.callback_type === "success_and_failure")
      .map((one) => one.callback_name);
  return { team_id: row.team_id, success_callbacks: names("success"), failure_callbacks: names("failure") };
}

async function setCallbacks(
  actor: Actor,
  teamId: string,
  changed: (callbacks: TeamCallback[]) => TeamCallback[],
): Promise<TeamRow> {
  actor.management.declared.requireOwn("team", teamId);
  return change(actor, async (transaction) => {
    const { connection, now, by, record } = transaction;
    const before = await administeredTeam(actor, transaction, teamId);
    const logging = changed(callbacksOf(before)) as unknown as readonly JsonObject[];
    const patch = TEAM_SHAPE.update({ ...before }, { logging });
    const after: TeamRow = { ...before, ...patch, updated_at: now, updated_by: by };
    await teams.update(connection, teamId, after);
    await record("team", "updated", teamId, auditedTeam(before), auditedTeam(after));
    return after;
  });
}
