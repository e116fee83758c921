import type { FormatId } from "../../formats/conversation.ts";
import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import type { JsonObject } from "../../json/json.ts";
import { callHeaders } from "../../pipeline/answer-headers.ts";
import { ClientGone } from "../../pipeline/attempt.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import { handleConversation } from "../../pipeline/handle-conversation.ts";
import { type RequestContext, visibleCallId } from "../../pipeline/request-context.ts";
import { newCallId } from "../call-id.ts";
import { readBody, type RequestBody } from "../read-body.ts";
import { internalError, renderError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { chatRequestSchema, chatResponseSchema } from "../schemas.ts";

interface ConversationRoute {
  readonly format: FormatId;
  readonly callType: string;
  readonly routeName: string;
  /** Fields without which a request says nothing, in the order in which they are missed. */
  readonly required: readonly string[];
}

const CHAT: ConversationRoute = {
  format: "openai-chat",
  callType: "acompletion",
  routeName: "/chat/completions",
  required: ["messages"],
};

/** The model routes that carry conversations. */
export const conversationRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/chat/completions",
    aliases: [
      "/chat/completions",
      "/engines/{model...}/chat/completions",
      "/openai/deployments/{model...}/chat/completions",
    ],
    permission: "key",
    summary: "Chat completion, streamed or not",
    tag: "chat/completions",
    body: chatRequestSchema,
    response: chatResponseSchema,
    handle: (request) => serve(request, CHAT),
  },
];

async function serve(route: RouteRequest, kind: ConversationRoute): Promise<Response> {
  const { services, request, principal } = route;
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const body = await readBody(request, snapshot.general.maxRequestSizeBytes);
  const context = contextOf(route, kind, body, principal, snapshot);
  try {
    const missing = kind.required.find((field) => context.body[field] === undefined || context.body[field] === null);
    if (missing !== undefined) {
      throw new GatewayError("invalid_request", `${kind.routeName}: Missing required parameter: '${missing}'.`, {
        param: missing,
      });
    }
    refuseClientCredentials(context);
    return await handleConversation(services, context);
  } catch (error) {
    if (error instanceof ClientGone) throw error;
    const told = error instanceof GatewayError ? error : internalError();
    const callId = snapshot.general.includeCallIdInErrorBody ? visibleCallId(context) : undefined;
    const response = renderError(told, kind.format, callId);
    for (const [name, value] of Object.entries(callHeaders(context))) response.headers.set(name, value);
    response.headers.set("x-litellm-response-cost", "0");
    response.headers.set("x-litellm-key-spend", "0.0");
    return response;
  }
}

function contextOf(
  route: RouteRequest,
  kind: ConversationRoute,
  body: RequestBody,
  principal: NonNullable<RouteRequest["principal"]>,
  snapshot: RequestContext["snapshot"],
): RequestContext {
  const model = snapshot.general.completionModel ?? route.params.model ?? body.json.model;
  return {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request: route.request,
    client: formatById(kind.format),
    operation: "chat",
    callType: kind.callType,
    routeName: kind.routeName,
    principal,
    snapshot,
    text: body.text,
    bytes: body.bytes,
    body: body.json,
    requestedModel: typeof model === "string" ? model : "None",
    stream: body.json.stream === true,
    controls: readCallControls(body.json, route.request.headers),
  };
}

const CREDENTIAL_FIELDS = ["api_base", "base_url", "api_key", "api_version", "model_list", "user_config"] as const;

/** A caller's own upstream address would let it read the operator's credentials off the wire. */
function refuseClientCredentials(context: RequestContext): void {
  if (context.snapshot.general.allowClientSideCredentials) return;
  const places: readonly (JsonObject | undefined)[] = [context.body];
  for (const place of places) {
    const field = CREDENTIAL_FIELDS.find((name) => place?.[name] !== undefined && place[name] !== null);
    if (field === undefined) continue;
    throw new GatewayError(
      "authentication",
      `Authentication Error, Rejected Request: ${field} is not allowed in request body. ` +
        "Enable with `general_settings::allow_client_side_credentials` on proxy config.yaml.",
      { type: "auth_error", param: "None" },
    );
  }
}
