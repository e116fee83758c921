import { ObjectTable } from "./object-table.ts";
import type { InvitationTable } from "./tables.ts";

export type InvitationRow = Readonly<InvitationTable>;

export const invitations = new ObjectTable("invitation", "id");
