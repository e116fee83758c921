import type { JsonObject } from "../../json/json.ts";
import type { UserRow } from "../../store/objects/users.ts";
import { resetFor } from "../fields.ts";
import type { Management } from "../management.ts";
import { nanoOf } from "../object-shape.ts";
import { hashPassword } from "./password.ts";
import { USER_SHAPE } from "./user-shape.ts";

/** The row of a new user; nothing is written. */
export function newUserRow(management: Management, fields: JsonObject, now: number, by: string): UserRow {
  return {
    ...USER_SHAPE.insert({
      ...fields,
      budget_reset_at: resetFor(management, fields.budget_duration as string | null | undefined) ?? null,
      created_at: now,
      created_by: by,
      updated_at: now,
      updated_by: by,
    }),
    password: typeof fields.password === "string" ? hashPassword(fields.password) : null,
    spend_offset_nano: typeof fields.spend === "number" ? nanoOf(fields.spend) : 0n,
  } as unknown as UserRow;
}
