import { UpstreamError } from "../errors/gateway-error.ts";
import { reportLostInAnswer } from "../formats/answer-words.ts";
import type { ParameterReport } from "../formats/report.ts";
import { type Json, parseJson } from "../json/json.ts";
import { replaceStringMember } from "../json/patch.ts";
import { answerContext } from "./answer-context.ts";
import { answerHeaders } from "./answer-headers.ts";
import { attempt, type WholeAnswer } from "./attempt.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { passesThrough, type StreamingAnswer } from "./first-content.ts";
import type { Gateway } from "./gateway.ts";
import { pingWithin } from "./keepalive.ts";
import { type Prepared, prepareRequest } from "./prepare-request.ts";
import { clientError } from "./provider-error.ts";
import type { RequestContext } from "./request-context.ts";
import { keptAnswer, passedAnswer } from "./responses/response-call.ts";
import { runAttempts } from "./run-attempts.ts";
import { answerObject, assembledAnswer } from "./stored-content.ts";
import { streamAllowance } from "./stream-allowance.ts";
import { streamBody } from "./stream-body.ts";
import { idleTimeoutOf, timeoutOf } from "./time-limits.ts";

/** Serves one conversation, whatever the client's format: route → attempt → stream → settle. */
export function handleConversation(gateway: Gateway, asked: RequestContext): Promise<Response> {
  return runAttempts(gateway, asked, async (run) => {
    const { context } = run;
    const { deployment, provider, model } = run.target;
    const prepared = prepareRequest(context, deployment, provider, model);
    run.beforeCall();
    const answer = await attempt(gateway, context, prepared, timeoutOf(context, deployment), run.progress);
    if (answer.kind === "whole") {
      run.answered(answer.headers);
      return wholeResponse(gateway, context, run, prepared, answer);
    }
    try {
      run.answered(answer.headers);
    } catch (error) {
      answer.abort(error as Error);
      throw error;
    }
    return streamResponse(gateway, context, run, prepared, answer);
  });
}

function wholeResponse(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: Prepared,
  answer: WholeAnswer,
): Response {
  const { settlement } = run;
  const upstreamMs = run.elapsed();
  const text = wholeText(context, prepared, answer);
  noteAttempt(run, "success");
  if (context.fellBack !== true) context.cacheWriter?.save(text, "application/json", settlement, answer.usage);
  if (settlement.keepsContent) settlement.answer = answerObject(text);
  settlement.settle({ status: "success", httpStatus: 200 });
  const changes = shownChanges(prepared.call.report);
  const headers = answerHeaders(gateway, context, prepared.deployment, answer.headers, settlement, upstreamMs, changes);
  return new Response(text, { status: 200, headers: headers });
}

function wholeText(context: RequestContext, prepared: Prepared, answer: WholeAnswer): string {
  if (answer.response !== undefined) {
    const { answers } = context.client;
    if (answers !== undefined) reportLostInAnswer(answer.response, answers, prepared.call.report);
    return JSON.stringify(context.client.encodeResponse(answer.response, answerContext(context, prepared)));
  }
  const text = passedText(context, answer);
  const passed = passedAnswer(context, keptAnswer(context, prepared));
  passed?.finished(text);
  return passed?.named(text) ?? text;
}

function passedText(context: RequestContext, answer: WholeAnswer): string {
  const { model } = answer.body;
  const renamed = typeof model === "string" && context.fellBack !== true;
  if (answer.text === undefined) {
    return JSON.stringify(renamed ? { ...answer.body, model: context.requestedModel } : answer.body);
  }
  return renamed ? replaceStringMember(answer.text, "model", model, context.requestedModel) : answer.text;
}

function streamResponse(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: Prepared,
  answer: StreamingAnswer,
): Response {
  const { settlement, progress } = run;
  settlement.firstContentAt = Date.now();
  const changes = shownChanges(prepared.call.report);
  const headers = answerHeaders(
    gateway,
    context,
    prepared.deployment,
    answer.headers,
    settlement,
    run.elapsed(),
    changes,
  );
  const body = streamBody({
    answer,
    allowance: streamAllowance(gateway, run, passesThrough(context, prepared)),
    promptBound: settlement.promptBound,
    deadlines: gateway.deadlines,
    idleSeconds: idleTimeoutOf(context, prepared.deployment),
    ping: pingWithin(context, prepared.deployment),
    failureOf: (failure) => clientError(new UpstreamError(failure), prepared.provider, context),
    keep: (context.cacheWriter !== undefined && context.fellBack !== true) || settlement.keepsContent,
    settle: (status, failure, whole) => {
      progress.usage = answer.tap.usage;
      progress.textLength = answer.tap.textLength;
      noteAttempt(run, status);
      if (whole !== undefined) {
        const type = headers.get("content-type") ?? "text/event-stream";
        if (context.fellBack !== true) context.cacheWriter?.save(whole, type, settlement, answer.tap.usage);
        if (settlement.keepsContent) settlement.answer = streamedAnswer(gateway, context, prepared, whole);
      }
      settlement.settle({
        status,
        httpStatus: status === "cancelled" ? 499 : 200,
        ...(failure === undefined ? {} : { errorCode: failure.code, errorMessage: failure.message }),
      });
    },
  });
  return new Response(body, { status: 200, headers });
}

/** What a stream adds up to, for its row; a stream that cannot be read back has none, and its row is written even so. */
function streamedAnswer(
  gateway: Gateway,
  context: RequestContext,
  prepared: Prepared,
  whole: string,
): Json | undefined {
  if (context.streamFraming !== undefined) return parseJson(whole);
  try {
    return assembledAnswer(context, prepared, whole);
  } catch (error) {
    gateway.log.warning("a streamed answer cannot be kept in its row", { id: context.id, reason: String(error) });
    return undefined;
  }
}

/** Adds the attempt that became the answer. */
export function noteAttempt(run: AttemptRun, status: "success" | "failure" | "cancelled"): void {
  run.end({ status, httpStatus: 200 });
}

/** The parameter report as a header: at most 1,000 visible ASCII characters. */
export function shownChanges(report: ParameterReport): string | undefined {
  if (report.changes.length === 0) return undefined;
  const text = report.changes
    .map((change) => `${change.parameter} ${change.action}${change.to === undefined ? "" : ` to ${change.to}`}`)
    .join(", ")
    .replace(/[^\x20-\x7e]/g, "?");
  return text.length > 1000 ? `${text.slice(0, 997)}...` : text;
}
