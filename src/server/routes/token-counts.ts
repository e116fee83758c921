import { GatewayError } from "../../errors/gateway-error.ts";
import type { FormatId } from "../../formats/conversation.ts";
import { formatById } from "../../formats/registry.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import { handleOperation } from "../../pipeline/handle-operation.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { newCallId } from "../call-id.ts";
import { readBody } from "../read-body.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { answerOrRefusal } from "./refusal.ts";

/** How large a request is: the provider's own count where it counts in the client's words, else an estimate. */
export const tokenCountRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/messages/count_tokens",
    aliases: ["/anthropic/v1/messages/count_tokens"],
    permission: "key",
    errorFormat: "anthropic-messages",
    summary: "Input tokens of an Anthropic Messages request",
    tag: "messages",
    handle: (request) => serve(request, "anthropic-messages", "messages"),
  },
  {
    method: "POST",
    path: "/v1beta/models/{model...}:countTokens",
    aliases: ["/models/{model...}:countTokens"],
    permission: "key",
    errorFormat: "gemini",
    queryKey: true,
    summary: "Tokens of a generateContent request",
    tag: "google genai",
    handle: (request) => serve(request, "gemini", "contents"),
  },
  {
    method: "POST",
    path: "/v1/responses/input_tokens",
    aliases: ["/responses/input_tokens"],
    permission: "key",
    summary: "Input tokens of a Responses request",
    tag: "responses",
    handle: (request) => serve(request, "openai-responses", "input"),
  },
];

async function serve(route: RouteRequest, format: FormatId, required: string): Promise<Response> {
  const { services, request, principal } = route;
  if (principal === undefined) throw internalError();
  const snapshot = services.snapshot();
  const { json, text, bytes } = await readBody(request, snapshot.general.maxRequestSizeBytes);
  const model = route.params.model ?? json.model;
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    client: formatById(format),
    operation: "count-tokens",
    callType: "acount_tokens",
    routeName: "count_tokens",
    principal,
    snapshot,
    text,
    bytes,
    body: json,
    requestedModel: typeof model === "string" ? model : "None",
    stream: false,
    controls: readCallControls(json, request.headers, snapshot),
  };
  return answerOrRefusal(services, context, format, async () => {
    if (json[required] === undefined || json[required] === null) {
      throw new GatewayError("invalid_request", `${required} parameter is required`, { param: required });
    }
    return handleOperation(services, context);
  });
}
