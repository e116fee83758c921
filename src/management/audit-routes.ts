import { z } from "zod";
import { type Json, type JsonObject, parseJson } from "../json/json.ts";
import { type AuditEntry, auditLog } from "../store/objects/audit-log.ts";
import type { Condition } from "../store/objects/object-table.ts";
import * as f from "./fields.ts";
import { isoTime } from "./object-shape.ts";
import { badRequest, refused } from "./refusals.ts";
import { type ManagementRoute, route } from "./route.ts";

const TAG = "Audit Logging";

export const auditRoutes: readonly ManagementRoute[] = [
  route({
    method: "GET",
    path: "/audit",
    permission: "view",
    tag: TAG,
    summary: "What was changed through the management API, newest first",
    query: {
      page: z.int().min(1).default(1),
      page_size: z.int().min(1).max(100).default(10),
      changed_by: f.optionalName,
      changed_by_api_key: f.optionalName,
      action: z.enum(["created", "updated", "deleted", "blocked", "unblocked", "rotated"]).nullish(),
      table_name: f.optionalName,
      object_id: f.optionalName,
      object_team_id: f.optionalName,
      object_key_hash: f.optionalName,
      start_date: f.optionalName,
      end_date: f.optionalName,
      search: f.optionalName,
      sort_by: z.enum(["updated_at", "action", "table_name", "changed_by"]).nullish(),
      sort_order: z.enum(["asc", "desc"]).default("desc"),
    },
    handle: async ({ query, management }) => {
      const where: Condition[] = [];
      for (const column of ["changed_by", "changed_by_api_key", "action", "table_name", "object_id"] as const) {
        const value = query[column];
        if (typeof value === "string") where.push({ column, is: value });
      }
      if (typeof query.object_key_hash === "string") where.push({ column: "object_id", is: query.object_key_hash });
      if (typeof query.object_team_id === "string") where.push(mentions(query.object_team_id));
      if (typeof query.search === "string") where.push(mentions(query.search));
      if (typeof query.start_date === "string") {
        where.push({ column: "updated_at", atLeast: moment("start_date", query.start_date) });
      }
      if (typeof query.end_date === "string") {
        const end = moment("end_date", query.end_date);
        // A day ends with its last millisecond.
        const day = /^\d{4}-\d{2}-\d{2}$/.test(query.end_date) ? 86_400_000 : 1;
        where.push({ column: "updated_at", below: end + day });
      }
      const found = await auditLog.page(management.database.kysely, {
        where,
        orderBy: query.sort_by ?? "seq",
        descending: query.sort_order === "desc",
        limit: query.page_size,
        offset: (query.page - 1) * query.page_size,
      });
      return {
        audit_logs: found.rows.map(shown),
        total: found.total,
        page: query.page,
        page_size: query.page_size,
        total_pages: Math.ceil(found.total / query.page_size),
      };
    },
  }),
  route({
    method: "GET",
    path: "/audit/{id}",
    permission: "view",
    tag: TAG,
    summary: "One change",
    handle: async ({ params, management }) => {
      const row = await auditLog.find(management.database.kysely, params.id ?? "");
      if (row === undefined) throw refused(404, `Audit log not found, passed id=${params.id}`);
      return shown(row);
    },
  }),
];

function mentions(text: string): Condition {
  return {
    any: ["object_id", "before_value", "updated_values"].map((column) => ({ column, contains: text })),
  };
}

function moment(field: string, text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw badRequest(`${field} '${text}' is not a date such as 2026-01-31`, field);
  return at;
}

function shown(row: AuditEntry): JsonObject {
  const json = (text: string | null): Json => (text === null ? null : (parseJson(text) ?? null));
  return {
    id: row.id,
    updated_at: isoTime(row.updated_at),
    changed_by: row.changed_by,
    changed_by_api_key: row.changed_by_api_key,
    action: row.action,
    table_name: row.table_name,
    object_id: row.object_id,
    before_value: json(row.before_value),
    updated_values: json(row.updated_values),
  };
}
