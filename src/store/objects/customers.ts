import { ObjectTable } from "./object-table.ts";
import type { CustomerTable } from "./tables.ts";

export type CustomerRow = Readonly<CustomerTable>;

/** End users: people whom callers name in their requests. They need not exist. */
export const customers = new ObjectTable("customer", "user_id");
