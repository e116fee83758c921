import { ObjectTable } from "./object-table.ts";
import type { StoredModelTable } from "./tables.ts";

export type StoredModelRow = Readonly<StoredModelTable>;

/** Deployments that were added through the API. */
export const storedModels = new ObjectTable("stored_model", "model_id");
