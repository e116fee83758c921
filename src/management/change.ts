import { randomUUID } from "node:crypto";
import type { Principal } from "../auth/principal.ts";
import { GatewayError } from "../errors/gateway-error.ts";
import type { JsonObject } from "../json/json.ts";
import { appendAudit } from "../store/objects/audit-log.ts";
import type { Connection } from "../store/objects/object-table.ts";
import type { Management, ObjectChange } from "./management.ts";
import { maskSecrets } from "./mask-secrets.ts";

/** LiteLLM's names of the tables, as its audit log shows them. */
export const TABLES = {
  key: "LiteLLM_VerificationToken",
  user: "LiteLLM_UserTable",
  team: "LiteLLM_TeamTable",
  teamMember: "LiteLLM_TeamMembership",
  organization: "LiteLLM_OrganizationTable",
  organizationMember: "LiteLLM_OrganizationMembership",
  project: "LiteLLM_ProjectTable",
  customer: "LiteLLM_EndUserTable",
  budget: "LiteLLM_BudgetTable",
  model: "LiteLLM_ProxyModelTable",
  credential: "LiteLLM_CredentialsTable",
  tag: "LiteLLM_TagTable",
  accessGroup: "LiteLLM_AccessGroupTable",
  modelAccessGroupBudget: "LiteLLM_ModelAccessGroupBudgetTable",
  invitation: "LiteLLM_InvitationLink",
  setting: "LiteLLM_Config",
} as const;

export type ManagedKind = keyof typeof TABLES;
export type ChangeAction = "created" | "updated" | "deleted" | "blocked" | "unblocked" | "rotated";

export interface Actor {
  readonly management: Management;
  readonly principal: Principal;
  readonly headers: Headers;
}

/** A transaction of the management API: what it changes is in the audit log, or it did not happen. */
export interface Change {
  readonly connection: Connection;
  /** When it happens, milliseconds since the epoch. */
  readonly now: number;
  /** Who changes, for `created_by` and `updated_by`. */
  readonly by: string;
  record(
    kind: ManagedKind,
    action: ChangeAction,
    id: string,
    before: JsonObject | null,
    after: JsonObject | null,
  ): Promise<void>;
}

/**
 * Runs changes in one transaction, with their lines in the audit log, and tells those that keep copies when it is
 * committed. Rows must be read with `lock` before they are changed, so that of two callers none loses what the other
 * wrote.
 */
export async function change<T>(actor: Actor, run: (change: Change) => Promise<T>): Promise<T> {
  const { management, principal } = actor;
  const changes: ObjectChange[] = [];
  const by = principal.userId ?? principal.keyHash;
  const actorName = principal.role === "proxy_admin" ? (actor.headers.get("litellm-changed-by") ?? by) : by;
  const result = await management.database.kysely
    .transaction()
    .execute((connection) => {
      const now = management.now();
      return run({
        connection,
        now,
        by,
        async record(kind, action, id, before, after) {
          changes.push({ table: TABLES[kind], id });
          await appendAudit(connection, {
            id: randomUUID(),
            updated_at: now,
            changed_by: actorName,
            changed_by_api_key: principal.keyHash,
            action,
            table_name: TABLES[kind],
            object_id: id,
            before_value: before === null ? null : JSON.stringify(maskSecrets(before)),
            updated_values: after === null ? null : JSON.stringify(maskSecrets(after)),
          });
        },
      });
    })
    .catch((error: unknown) => {
      if (isDuplicate(error)) {
        throw new GatewayError("invalid_request", "another object has this name or id already", {
          type: "bad_request_error",
        });
      }
      throw error;
    });
  await management.changed(changes);
  return result;
}

/** Whether two callers made an object of the same name at the same time, and this one came second. */
function isDuplicate(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return (
    error.code === "SQLITE_CONSTRAINT_UNIQUE" || error.code === "SQLITE_CONSTRAINT_PRIMARYKEY" || error.code === "23505"
  );
}
