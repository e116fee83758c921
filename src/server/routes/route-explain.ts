import { z } from "zod";
import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import { requireModel } from "../../pipeline/model-denial.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { planFor } from "../../pipeline/routed-request.ts";
import { explainRoute } from "../../routing/explain-route.ts";
import { newCallId } from "../call-id.ts";
import { readBody } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";

/** Why a request would go where it would go. */
export const routeExplainRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/utils/route/explain",
    permission: "key",
    summary:
      "For a request body: which deployments would be considered, why others are dropped, what follows on a failure",
    tag: "llm utils",
    body: z.looseObject({ model: z.string() }),
    handle: explain,
  },
];

/** Nobody is called and nothing changes. The body is that of a model request, with its headers where rules look at them. */
async function explain({ services, request, principal }: RouteRequest): Promise<Response> {
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const { json, text, bytes } = await readBody(request, snapshot.general.maxRequestSizeBytes);
  const { model } = json;
  if (typeof model !== "string" || model === "") {
    throw new GatewayError("invalid_request", "'model' is missing: the name whose route is to be explained", {
      param: "model",
    });
  }
  const client = json.contents !== undefined ? "gemini" : json.input !== undefined ? "openai-responses" : "openai-chat";
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    client: formatById(client),
    operation: "chat",
    callType: "explain",
    routeName: "/utils/route/explain",
    principal,
    snapshot,
    text,
    bytes,
    body: json,
    requestedModel: model,
    stream: json.stream === true,
    controls: readCallControls(json, request.headers, snapshot),
  };
  if (services.gate !== undefined) requireModel(services.gate, context, model);
  const plan = await planFor(services, context, false);
  return Response.json(
    explainRoute({
      router: services.router,
      routing: services.router.of(snapshot),
      request: plan.request,
      tables: plan.tables,
      decision: plan.decision,
    }),
  );
}
