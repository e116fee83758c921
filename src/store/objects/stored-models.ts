import type { JsonObject } from "../../json/json.ts";
import type { Secrets } from "../secrets.ts";
import { ObjectTable } from "./object-table.ts";
import type { StoredModelTable } from "./tables.ts";

export type StoredModelRow = Readonly<StoredModelTable>;

/** Deployments that were added through the API. */
export const storedModels = new ObjectTable("stored_model", "model_id");

/** `litellm_params` as the column keeps them: every string sealed, bound to its model. */
export function sealParams(secrets: Secrets, modelId: string, params: JsonObject): string {
  return JSON.stringify(secrets.sealObject(params, `model:${modelId}`));
}

/** Throws UnreadableSecret when they were sealed with a key that is not here. */
export function unsealParams(
  secrets: Secrets,
  { model_id, litellm_params }: Pick<StoredModelRow, "model_id" | "litellm_params">,
): JsonObject {
  return secrets.unsealObject(JSON.parse(litellm_params) as JsonObject, `model:${model_id}`);
}
