import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import { asArray, isObject, type JsonObject } from "../../json/json.ts";
import { callHeaders } from "../../pipeline/answer-headers.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { askKeeper } from "../../pipeline/responses/provider-responses.ts";
import { isOwnResponseId, type ResponseReference } from "../../pipeline/responses/response-id.ts";
import { keptResponse, ownReference } from "../../pipeline/responses/resume-conversation.ts";
import type { StoredResponse } from "../../store/responses/response-table.ts";
import { newCallId } from "../call-id.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { answerOrRefusal } from "./refusal.ts";

interface KeptAction {
  readonly method: "GET" | "POST" | "DELETE";
  readonly suffix: string;
  readonly callType: string;
  readonly summary: string;
  /** What the gateway does where it keeps the answer itself. */
  readonly own: (route: RouteRequest, kept: StoredResponse, asked: string) => Promise<JsonObject> | JsonObject;
}

const ACTIONS: readonly KeptAction[] = [
  {
    method: "GET",
    suffix: "",
    callType: "aget_responses",
    summary: "A kept answer",
    own: ({ request }, { body }) => {
      if (new URL(request.url).searchParams.get("stream") === "true") {
        throw new GatewayError(
          "invalid_request",
          "This response was not made in the background and cannot be streamed again.",
          {
            param: "stream",
          },
        );
      }
      return body;
    },
  },
  {
    method: "DELETE",
    suffix: "",
    callType: "adelete_responses",
    summary: "Deletes a kept answer",
    own: async ({ services }, kept, asked) => {
      await services.responses.store.remove(kept.id);
      return { id: asked, object: "response", deleted: true };
    },
  },
  {
    method: "POST",
    suffix: "/cancel",
    callType: "acancel_responses",
    summary: "Cancels an answer that is made in the background",
    own: () => {
      throw new GatewayError("invalid_request", "Cannot cancel a synchronous response.", { param: "response_id" });
    },
  },
  {
    method: "GET",
    suffix: "/input_items",
    callType: "alist_input_items",
    summary: "What a kept answer answers",
    own: ownInputItems,
  },
];

/** What may be asked of answers that exist: of the provider that keeps them, or of the gateway. */
export const responseRoutes: readonly Route[] = ACTIONS.map((action) => ({
  method: action.method,
  path: `/v1/responses/{response_id}${action.suffix}`,
  aliases: [`/responses/{response_id}${action.suffix}`, `/openai/v1/responses/{response_id}${action.suffix}`],
  permission: "key" as const,
  summary: action.summary,
  tag: "responses",
  handle: (route: RouteRequest) => serve(route, action),
}));

function serve(route: RouteRequest, action: KeptAction): Promise<Response> {
  const { services, request, principal } = route;
  if (principal === undefined) throw internalError();
  const asked = route.params.response_id ?? "";
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    clientAddress: route.client,
    client: formatById("openai-responses"),
    operation: "chat",
    callType: action.callType,
    routeName: "/responses",
    principal,
    snapshot: services.snapshot(),
    text: "",
    bytes: 0,
    body: {},
    requestedModel: "",
    stream: false,
    controls: readCallControls({}, request.headers, services.snapshot()),
  };
  return answerOrRefusal(services, context, "openai-responses", async () => {
    const reference = ownReference(services, context, asked);
    // Without a model nothing says which provider an id of other origin belongs to.
    if (reference === undefined) {
      throw new GatewayError("invalid_request", `Response id '${asked}' was not issued by this gateway.`, {
        param: "response_id",
      });
    }
    const body = isOwnResponseId(reference.id)
      ? await action.own(route, await found(route, reference, asked), asked)
      : await upstreamAnswer(route, context, action, reference, asked);
    return Response.json(body, { headers: callHeaders(context) });
  });
}

async function found({ services }: RouteRequest, { id }: ResponseReference, asked: string): Promise<StoredResponse> {
  try {
    return await keptResponse(services, id, asked);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "invalid_request") throw error;
    throw new GatewayError("not_found", `Response with id '${asked}' not found.`, { param: "response_id" });
  }
}

async function upstreamAnswer(
  route: RouteRequest,
  context: RequestContext,
  action: KeptAction,
  reference: ResponseReference,
  asked: string,
): Promise<JsonObject> {
  const { search, searchParams } = new URL(route.request.url);
  if (searchParams.get("stream") === "true") {
    throw new GatewayError("invalid_request", "A kept response is given whole, not streamed.", { param: "stream" });
  }
  const { method, suffix } = action;
  const body = await askKeeper(route.services, context, reference, { method, suffix, query: search });
  if (body.id !== reference.id) return body;
  const { previous_response_id: previous } = body;
  const ids = route.services.responses.ids;
  return {
    ...body,
    id: asked,
    ...(typeof previous === "string"
      ? { previous_response_id: ids.write({ ...reference, id: previous }, context.principal) }
      : {}),
  };
}

/** OpenAI's list: newest first unless asked otherwise, a page at a time. */
function ownInputItems({ request }: RouteRequest, { input }: StoredResponse): JsonObject {
  const query = new URL(request.url).searchParams;
  const limit = Number(query.get("limit") ?? 20);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new GatewayError("invalid_request", "limit must be a whole number from 1 to 100.", { param: "limit" });
  }
  const ordered = query.get("order") === "asc" ? [...input] : [...input].reverse();
  const after = query.get("after");
  const from = after === null ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
  const data = asArray(ordered)
    .slice(from, from + limit)
    .filter(isObject);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < ordered.length,
  };
}
