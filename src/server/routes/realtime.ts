import { GatewayError } from "../../errors/gateway-error.ts";
import { formatById } from "../../formats/registry.ts";
import { readCallControls } from "../../pipeline/call-controls.ts";
import { openRealtime, type RealtimeSessions } from "../../pipeline/realtime/realtime.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import { newCallId } from "../call-id.ts";
import { internalError } from "../render-error.ts";
import type { Route, RouteRequest } from "../route.ts";
import { KEY_PROTOCOL, offeredProtocols, UPGRADED } from "../sockets.ts";
import { answerOrRefusal } from "./refusal.ts";

const BETA_PROTOCOL = "openai-beta.";

/** Speech to speech over WebSocket, in OpenAI's events. */
export function realtimeRoutes(sessions: RealtimeSessions): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/v1/realtime",
      aliases: ["/realtime", "/openai/v1/realtime"],
      permission: "key",
      socket: true,
      summary: "A realtime session over WebSocket",
      tag: "realtime",
      handle: (request) => serve(request, sessions),
    },
  ];
}

function serve(route: RouteRequest, sessions: RealtimeSessions): Promise<Response> {
  const { services, request, principal, peers } = route;
  if (principal === undefined) throw internalError();
  const query = new URL(request.url).searchParams;
  const transcribes = query.get("intent") === "transcription";
  const model = query.get("model") ?? query.get("deployment");
  const context: RequestContext = {
    id: newCallId(),
    startedAt: Date.now(),
    startedClock: performance.now(),
    request,
    client: formatById("openai-chat"),
    operation: "realtime",
    callType: "_arealtime",
    routeName: "/realtime",
    principal,
    snapshot: services.snapshot(),
    text: "",
    bytes: 0,
    body: {},
    requestedModel: model ?? "None",
    stream: true,
    controls: readCallControls({}, request.headers, services.snapshot()),
  };
  return answerOrRefusal(services, context, "openai-chat", async () => {
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      throw new GatewayError("invalid_request", "A realtime session needs a WebSocket: send `Upgrade: websocket`.", {
        status: 426,
        headers: { upgrade: "websocket" },
      });
    }
    if (model === null) {
      throw new GatewayError("invalid_request", "/realtime: Missing required parameter: 'model'.", { param: "model" });
    }
    const offered = offeredProtocols(request.headers);
    const protocol = offered.find((name) => !name.startsWith(KEY_PROTOCOL) && !name.startsWith(BETA_PROTOCOL));
    return openRealtime(services, sessions, context, {
      transcribes,
      beta: request.headers.get("openai-beta") ?? betaOf(offered),
      upgrade: (handler) =>
        peers.upgrade(request, {
          data: handler,
          ...(protocol === undefined ? {} : { headers: { "sec-websocket-protocol": protocol } }),
        }),
      upgraded: UPGRADED,
    });
  });
}

/** `openai-beta.realtime-v1` among a browser's protocols is `OpenAI-Beta: realtime=v1`. */
function betaOf(offered: readonly string[]): string | undefined {
  const found = offered.find((name) => name.startsWith(BETA_PROTOCOL))?.slice(BETA_PROTOCOL.length);
  return found?.replace(/-(v\d+)$/, "=$1");
}
