import { GatewayError } from "../../errors/gateway-error.ts";
import type { FormatId } from "../../formats/conversation.ts";
import { formatById } from "../../formats/registry.ts";
import type { JsonObject } from "../../json/json.ts";
import { controlsOrRefusal, NO_CONTROLS } from "../../pipeline/call-controls.ts";
import { handleConversation } from "../../pipeline/handle-conversation.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { resumeConversation } from "../../pipeline/responses/resume-conversation.ts";
import { newCallId } from "../call-id.ts";
import { bodyOrRefusal, type RequestBody, UNREAD_BODY } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { chatRequestSchema, chatResponseSchema, messagesRequestSchema } from "../schemas.ts";
import { answerOrRefusal } from "./refusal.ts";
import { withSignsOfLife } from "./slow-answer.ts";

export interface ConversationRoute {
  readonly format: FormatId;
  readonly callType: string;
  readonly routeName: string;
  /** Fields without which a request says nothing, in the order in which they are missed. */
  readonly required: readonly string[];
  /** Fields any of which says as much as the required ones. */
  readonly instead?: readonly string[];
  /** Set where the URL says it, not the body. */
  readonly stream?: boolean;
}

const CHAT: ConversationRoute = {
  format: "openai-chat",
  callType: "acompletion",
  routeName: "/chat/completions",
  required: ["messages"],
};

export const MESSAGES: ConversationRoute = {
  format: "anthropic-messages",
  callType: "anthropic_messages",
  routeName: "anthropic_messages",
  required: ["messages", "max_tokens"],
};

const COMPLETIONS: ConversationRoute = {
  format: "openai-completions",
  callType: "atext_completion",
  routeName: "/completions",
  required: ["prompt"],
};

export const RESPONSES: ConversationRoute = {
  format: "openai-responses",
  callType: "aresponses",
  routeName: "/responses",
  required: ["input"],
  instead: ["prompt", "previous_response_id", "conversation"],
};

const GENERATE: ConversationRoute = {
  format: "gemini",
  callType: "agenerate_content",
  routeName: "generate_content",
  required: ["contents"],
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
  {
    method: "POST",
    path: "/v1/completions",
    aliases: ["/completions", "/engines/{model...}/completions", "/openai/deployments/{model...}/completions"],
    permission: "key",
    summary: "Text completion, streamed or not",
    tag: "completions",
    handle: (request) => serve(request, COMPLETIONS),
  },
  {
    method: "POST",
    path: "/v1/messages",
    permission: "key",
    errorFormat: "anthropic-messages",
    summary: "Anthropic Messages for any model",
    tag: "messages",
    body: messagesRequestSchema,
    handle: (request) => serve(request, MESSAGES),
  },
  {
    method: "POST",
    path: "/v1/responses",
    aliases: ["/responses"],
    permission: "key",
    summary: "OpenAI Responses for any model",
    tag: "responses",
    handle: (request) => serve(request, RESPONSES),
  },
  {
    method: "POST",
    path: "/v1beta/models/{model...}:generateContent",
    aliases: ["/models/{model...}:generateContent"],
    permission: "key",
    errorFormat: "gemini",
    queryKey: true,
    summary: "Google's generateContent for any model",
    tag: "google genai",
    handle: (request) => serve(request, GENERATE),
  },
  {
    method: "POST",
    path: "/v1beta/models/{model...}:streamGenerateContent",
    aliases: ["/models/{model...}:streamGenerateContent"],
    permission: "key",
    errorFormat: "gemini",
    queryKey: true,
    summary: "Google's generateContent, streamed: server-sent events with `alt=sse`, else one JSON array",
    tag: "google genai",
    handle: (request) => serve(request, { ...GENERATE, callType: "agenerate_content_stream", stream: true }),
  },
];

async function serve(route: RouteRequest, kind: ConversationRoute): Promise<Response> {
  return serveBody(route, kind, await bodyOrRefusal(route));
}

/** Serves a conversation whose body was read already, or could not be. */
export async function serveBody(
  route: RouteRequest,
  kind: ConversationRoute,
  read: RequestBody | GatewayError,
): Promise<Response> {
  const { services, request, principal } = route;
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const body = read instanceof GatewayError ? UNREAD_BODY : read;
  const { text, bytes } = body;
  // What the URL says stands in the body for the decoder; text that passes through never holds it.
  const json = kind.stream === true ? { ...body.json, stream: true } : body.json;
  const asArray = kind.stream === true && new URL(request.url).searchParams.get("alt") !== "sse";
  const model = snapshot.general.completionModel ?? route.params.model ?? json.model;
  const controls = controlsOrRefusal(json, request.headers, snapshot);
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    clientAddress: route.client,
    client: formatById(kind.format),
    operation: "chat",
    callType: kind.callType,
    routeName: kind.routeName,
    principal,
    snapshot,
    text,
    bytes,
    body: json,
    requestedModel: typeof model === "string" ? model : "None",
    stream: json.stream === true,
    controls: controls instanceof GatewayError ? NO_CONTROLS : controls,
    ...(asArray ? { streamFraming: "json-array" as const } : {}),
  };
  const run = async (): Promise<Response> => {
    if (read instanceof GatewayError) throw read;
    if (controls instanceof GatewayError) throw controls;
    refuseMissing(json, kind);
    const whole = kind.format === "openai-responses" ? await resumeConversation(services, context) : context;
    return withSignsOfLife(services, whole, handleConversation(services, whole));
  };
  return answerOrRefusal(services, context, kind.format, run, true);
}

function refuseMissing(body: JsonObject, kind: ConversationRoute): void {
  const absent = (field: string): boolean => body[field] === undefined || body[field] === null;
  const missing = kind.required.find(absent);
  if (missing === undefined || kind.instead?.some((field) => !absent(field)) === true) return;
  throw new GatewayError("invalid_request", `${kind.routeName}: Missing required parameter: '${missing}'.`, {
    param: missing,
  });
}
