import type { Database } from "../database.ts";

/**
 * One step of the schema, forward only. Once released its statements never change: a checksum guards them. A step may
 * only add, so that the previous release still runs on the new schema.
 */
export interface Migration {
  /** `NNNN-subject`; steps are applied in the order of their names. */
  readonly name: string;
  readonly statements: Readonly<Record<Database["dialect"], readonly string[]>>;
}
