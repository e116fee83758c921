import { z } from "zod";
import * as f from "../fields.ts";
import { badRequest } from "../refusals.ts";
import { type ManagementRoute, route } from "../route.ts";
import { newModelBody, updateModelBody } from "./model-shape.ts";
import { createModel, deleteModel, type ModelChanges, updateModel } from "./write-models.ts";

const TAG = "model management";

/** Deployments in the database. */
export const modelRoutes: readonly ManagementRoute[] = [
  route({
    method: "POST",
    path: "/model/new",
    permission: "manage",
    tag: TAG,
    summary: "Add a deployment; the next request may use it",
    body: newModelBody,
    handle: ({ body, ...actor }) => createModel(actor, body as Parameters<typeof createModel>[1]),
  }),
  route({
    method: "POST",
    path: "/model/update",
    permission: "manage",
    tag: TAG,
    summary: "Change the deployment that model_info.id names; only what is sent changes, null clears",
    body: updateModelBody,
    handle: ({ body, ...actor }) => {
      const id = body.model_info?.id;
      if (typeof id !== "string" || id === "") throw badRequest("model_info.id is required", "model_info.id");
      return updateModel(actor, id, body as ModelChanges);
    },
  }),
  route({
    method: "PATCH",
    path: "/model/{model_id}/update",
    permission: "manage",
    tag: TAG,
    summary: "Change a deployment; only what is sent changes, null clears",
    body: updateModelBody,
    handle: ({ body, params, ...actor }) => updateModel(actor, params.model_id ?? "", body as ModelChanges),
  }),
  route({
    method: "POST",
    path: "/model/delete",
    permission: "manage",
    tag: TAG,
    summary: "Delete a deployment",
    body: z.object({ id: f.requiredName }),
    handle: ({ body, ...actor }) => deleteModel(actor, body.id),
  }),
  ...([true, false] as const).map((blocked) =>
    route({
      method: "POST",
      path: blocked ? "/model/block" : "/model/unblock",
      permission: "admin",
      tag: TAG,
      summary: blocked ? "Keep a deployment, but call it no more" : "Call a blocked deployment again",
      body: z.object({ model_id: f.requiredName }),
      handle: ({ body, ...actor }) => updateModel(actor, body.model_id, { blocked }),
    }),
  ),
];
