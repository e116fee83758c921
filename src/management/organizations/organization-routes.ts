import { z } from "zod";
import type { Json, JsonObject } from "../../json/json.ts";
import type { Condition } from "../../store/objects/object-table.ts";
import { organizationMembers, organizations } from "../../store/objects/organizations.ts";
import { Authority } from "../authority.ts";
import * as f from "../fields.ts";
import { forbidden, refused } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { memberRole, organizationFields, showOrganizations } from "./organization-shape.ts";
import {
  addOrganizationMembers,
  createOrganization,
  deleteMembership,
  deleteOrganizations,
  updateMembership,
  updateOrganization,
} from "./write-organizations.ts";

const TAG = "organization management";
const person = { user_id: f.optionalName, user_email: f.email };
const entry = z.object({ role: memberRole, ...person });

export const organizationRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/organization/new",
    permission: "admin",
    tag: TAG,
    summary: "Make an organization",
    body: z.object({ ...organizationFields, organization_alias: f.requiredName }),
    handle: ({ body, ...actor }) => createOrganization(actor, body as JsonObject),
  }),
  route({
    method: "PATCH",
    path: "/organization/update",
    permission: "manage",
    tag: TAG,
    summary: "Change an organization; only fields that are sent change",
    body: z.object({
      ...organizationFields,
      organization_id: f.requiredName,
      organization_alias: f.requiredName.optional(),
    }),
    handle: ({ body, ...actor }) => updateOrganization(actor, body.organization_id, body as JsonObject),
  }),
  route({
    method: "DELETE",
    path: "/organization/delete",
    permission: "admin",
    tag: TAG,
    summary: "Delete organizations that have neither teams nor keys",
    body: z.object({ organization_ids: z.array(f.requiredName).min(1).max(500) }),
    handle: async ({ body, ...actor }) => (await deleteOrganizations(actor, body.organization_ids)) as Json,
  }),
  route({
    method: "GET",
    path: "/organization/list",
    permission: "own",
    tag: TAG,
    summary: "Organizations; of callers that are no admin, those that they belong to",
    query: { org_id: f.optionalName, org_alias: f.optionalName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const where: Condition[] = [];
      if (!new Authority(principal, connection).seesAll) {
        const memberships = await organizationMembers.findMany(connection, [principal.userId ?? ""], "user_id");
        where.push({ column: "organization_id", in: memberships.map((row) => row.organization_id) });
      }
      if (typeof query.org_id === "string") where.push({ column: "organization_id", is: query.org_id });
      if (typeof query.org_alias === "string") where.push({ column: "organization_alias", contains: query.org_alias });
      const page = { where, orderBy: "created_at", descending: true, limit: 10_000, offset: 0 };
      return (await showOrganizations(management, (await organizations.page(connection, page)).rows)) as Json;
    },
  }),
  route({
    method: "GET",
    path: "/organization/info",
    permission: "own",
    tag: TAG,
    summary: "An organization with its members and teams",
    query: { organization_id: f.requiredName },
    handle: async ({ query, management, principal }) => {
      const connection = management.database.kysely;
      const row = await organizations.find(connection, query.organization_id);
      if (row === undefined)
        throw refused(404, `Organization not found, passed organization_id=${query.organization_id}`);
      const authority = new Authority(principal, connection);
      if (!authority.seesAll && !(await authority.administersOrganization(row.organization_id))) {
        throw forbidden(`You are not an admin of organization=${row.organization_id}`);
      }
      return (await showOrganizations(management, [row]))[0] ?? {};
    },
  }),
  route({
    method: "POST",
    path: "/organization/info",
    permission: "view",
    tag: TAG,
    summary: "Many organizations at once",
    body: z.object({ organizations: f.names.min(1) }),
    handle: async ({ body, management }) => {
      const rows = await organizations.findMany(management.database.kysely, body.organizations);
      return (await showOrganizations(management, rows)) as Json;
    },
  }),
  route({
    method: "POST",
    path: "/organization/member_add",
    permission: "manage",
    tag: TAG,
    summary: "Add members; whoever is unknown becomes a user",
    body: z.object({
      member: z.union([entry, z.array(entry).min(1).max(500)]),
      organization_id: f.requiredName,
      max_budget_in_organization: f.money,
    }),
    handle: ({ body, ...actor }) =>
      addOrganizationMembers(actor, body.organization_id, [body.member].flat(), body.max_budget_in_organization),
  }),
  route({
    method: "PATCH",
    path: "/organization/member_update",
    permission: "manage",
    tag: TAG,
    summary: "Change a member's role and budget",
    body: z.object({
      ...person,
      organization_id: f.requiredName,
      max_budget_in_organization: f.money,
      role: memberRole.nullish(),
    }),
    handle: ({ body, ...actor }) => updateMembership(actor, body.organization_id, body),
  }),
  route({
    method: "DELETE",
    path: "/organization/member_delete",
    permission: "manage",
    tag: TAG,
    summary: "Take a member out",
    body: z.object({ ...person, organization_id: f.requiredName }),
    handle: ({ body, ...actor }) => deleteMembership(actor, body.organization_id, body),
  }),
];
