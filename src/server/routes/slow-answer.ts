import { refusalContext } from "../../pipeline/answer-context.ts";
import { callHeaders } from "../../pipeline/answer-headers.ts";
import { answerEarly } from "../../pipeline/early-stream.ts";
import { pingBeforeContent } from "../../pipeline/keepalive.ts";
import type { RequestContext } from "../../pipeline/request-context.ts";
import type { Services } from "../services.ts";
import { toldError } from "./refusal.ts";

/** The call's answer, which begins early, with pings, where the operator wants that of a slow one. */
export function withSignsOfLife(
  services: Services,
  context: RequestContext,
  call: Promise<Response>,
): Promise<Response> {
  const ping = pingBeforeContent(services, context);
  if (ping === undefined) return call;
  return answerEarly(call, {
    ping,
    deadlines: services.deadlines,
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...callHeaders(context),
    },
    failure: (error) => context.client.createStreamEncoder(refusalContext(context)).error(toldError(services, error)),
  });
}
