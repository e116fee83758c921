import { randomUUID } from "node:crypto";
import { z } from "zod";
import { asArray, asObject, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { Actor } from "../change.ts";
import * as f from "../fields.ts";
import type { Management } from "../management.ts";
import { refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { shownConfiguration } from "./shown-configuration.ts";
import { changeSettings, openSettings } from "./write-settings.ts";

const TAG = "config.yaml";
const PATH = "/config/pass_through_endpoint";
const KEY = "pass_through_endpoints";

const endpoint = z.looseObject({
  id: f.requiredName.optional(),
  path: f.requiredName,
  target: z.url({ protocol: /^https?$/ }),
});
const NO_NUL = "The character U+0000 is not allowed";

/** The operator's own routes that are kept in the database; those of a file are shown, and changed there. */
export const passThroughEndpointRoutes: readonly ManagementRoute[] = [
  route({
    method: "GET",
    path: PATH,
    permission: "view",
    tag: TAG,
    summary: "The operator's own routes; header values are fingerprints",
    query: { endpoint_id: z.string().optional(), team_id: z.string().optional() },
    handle: async ({ management, query }) => {
      const endpoints = await listed(management);
      const wanted = endpoints.filter(({ id }) => query.endpoint_id === undefined || id === query.endpoint_id);
      if (query.endpoint_id !== undefined && wanted.length === 0) throw unknownEndpoint(query.endpoint_id);
      return { endpoints: wanted };
    },
  }),
  route({
    method: "POST",
    path: PATH,
    permission: "admin",
    tag: TAG,
    summary: "Add a route of the operator's own; the next request may use it",
    body: endpoint.refine(f.hasNoNul, NO_NUL),
    handle: async ({ body, ...actor }) => {
      const added = { id: randomUUID(), ...body } as JsonObject;
      await rewrite(actor, (before) => {
        if (before.some(({ path }) => path === added.path)) {
          throw refused(400, `Endpoint with path ${String(added.path)} exists already`);
        }
        return [...before, added];
      });
      return { endpoints: [shownEndpoint(added)] };
    },
  }),
  route({
    method: "POST",
    path: `${PATH}/{endpoint_id}`,
    permission: "admin",
    tag: TAG,
    summary: "Change a route of the operator's own; only what is sent changes",
    body: endpoint.partial().refine(f.hasNoNul, NO_NUL),
    handle: async ({ body, params, ...actor }) => {
      const wanted = params.endpoint_id ?? "";
      let changed: JsonObject = {};
      await rewrite(actor, (before) => {
        const old = before.find(({ id }) => id === wanted);
        if (old === undefined) throw unknownEndpoint(wanted);
        changed = { ...old, ...(body as JsonObject), id: wanted };
        return before.map((one) => (one === old ? changed : one));
      });
      return { endpoints: [shownEndpoint(changed)] };
    },
  }),
  route({
    method: "DELETE",
    path: PATH,
    permission: "admin",
    tag: TAG,
    summary: "Delete a route of the operator's own",
    query: { endpoint_id: z.string() },
    handle: async ({ query, ...actor }) => {
      let deleted: JsonObject = {};
      await rewrite(actor, (before) => {
        const old = before.find(({ id }) => id === query.endpoint_id);
        if (old === undefined) throw unknownEndpoint(query.endpoint_id);
        deleted = old;
        return before.filter((one) => one !== old);
      });
      return { endpoints: [shownEndpoint(deleted)] };
    },
  }),
];

async function listed(management: Management): Promise<readonly JsonObject[]> {
  const snapshot = management.snapshot();
  const declared = asArray(asObject(snapshot.document.general_settings)?.[KEY]);
  const stored = asArray((await openSettings(management, management.database.kysely)).general_settings?.[KEY]);
  return [
    ...declared.filter(isObject).map((one) => ({ ...shownEndpoint(one), is_from_config: true })),
    ...stored.filter(isObject).map((one) => ({ ...shownEndpoint(one), is_from_config: false })),
  ];
}

/** Which of a route's headers hold secrets is not known: none of their values is shown. */
function shownEndpoint(one: JsonObject): JsonObject {
  const { headers, ...rest } = one;
  const shown = shownConfiguration({ environment_variables: asObject(headers) ?? {} });
  return { ...shownConfiguration(rest), headers: shown.environment_variables ?? {} };
}

async function rewrite(actor: Actor, next: (before: readonly JsonObject[]) => readonly JsonObject[]): Promise<void> {
  const to = (before: Json | undefined): Json | undefined => {
    const after = next(asArray(before).filter(isObject));
    return after.length === 0 ? undefined : after;
  };
  await changeSettings(actor, [{ section: "general_settings", key: KEY, to }]);
}

function unknownEndpoint(id: string): Error {
  return refused(404, `Endpoint ${id} was not found among those of the database`);
}
