import { spend } from "./0001-spend.ts";
import { objects } from "./0003-objects.ts";
import { ledger } from "./0006-ledger.ts";
import { responses } from "./0007-responses.ts";
import { healthChecks } from "./0008-health-checks.ts";
import { resources } from "./0009-resources.ts";
import { orders } from "./0010-orders.ts";
import { unrolled } from "./0011-unrolled.ts";
import type { Migration } from "./migration.ts";

/** Every step of the schema, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  spend,
  objects,
  ledger,
  responses,
  healthChecks,
  resources,
  orders,
  unrolled,
];
