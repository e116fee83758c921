import type { AnswerContext, ResponseContext } from "../formats/format.ts";
import type { Prepared } from "./prepare-request.ts";
import { type RequestContext, visibleCallId } from "./request-context.ts";
import { keptAnswer } from "./responses/response-call.ts";

/** What a provider's format must know to read an answer. */
export function responseContext(prepared: Prepared): ResponseContext {
  const { provider, call, conversation } = prepared;
  return {
    provider: provider.id,
    owner: typeof provider.owner === "string" ? provider.owner : provider.owner(call.model),
    model: call.model,
    ...(conversation === undefined ? {} : { request: conversation }),
  };
}

/** What the client's format must know to write one. */
export function answerContext(context: RequestContext, prepared: Prepared): AnswerContext {
  const request = prepared.conversation ?? { model: context.requestedModel, messages: [], sampling: {} };
  return {
    // LiteLLM's way: a stream from a fallback names the fallback's group, a whole answer the model that wrote it.
    model: context.fellBack === true && !context.stream ? prepared.call.model : context.requestedModel,
    request:
      prepared.wantsStreamUsage === request.includeUsage
        ? request
        : { ...request, includeUsage: prepared.wantsStreamUsage },
    fallbackId: `chatcmpl-${visibleCallId(context)}`,
    now: Math.floor(context.startedAt / 1000),
    ...(context.streamFraming === undefined ? {} : { streamFraming: context.streamFraming }),
    ...keptIn(context, prepared),
  };
}

/** What it must know to tell an error where nobody has answered. */
export function refusalContext(context: RequestContext): AnswerContext {
  return {
    model: context.requestedModel,
    request: { model: context.requestedModel, messages: [], sampling: {} },
    fallbackId: `chatcmpl-${visibleCallId(context)}`,
    now: Math.floor(context.startedAt / 1000),
  };
}

function keptIn(context: RequestContext, prepared: Prepared): Pick<AnswerContext, "kept"> {
  const kept = keptAnswer(context, prepared);
  return kept === undefined ? {} : { kept };
}
