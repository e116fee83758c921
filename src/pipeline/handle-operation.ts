import { UpstreamError } from "../errors/gateway-error.ts";
import { formatById } from "../formats/registry.ts";
import { isObject, type JsonObject, parseJson } from "../json/json.ts";
import { replaceStringMember } from "../json/patch.ts";
import type { OutboundRequest } from "../providers/provider.ts";
import { connectionFailure } from "../upstream/transport.ts";
import { answerHeaders } from "./answer-headers.ts";
import { AttemptTimeout, ClientGone, providerHeaders } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import { noteAttempt, shownChanges } from "./handle-conversation.ts";
import { type PreparedOperation, prepareOperation } from "./operation-request.ts";
import { operationUsage } from "./operation-usage.ts";
import type { RequestContext } from "./request-context.ts";
import { type AttemptRun, runAttempts, timeoutOf } from "./run-attempts.ts";

/** Serves embeddings, rankings, images, sound and moderation: one request, one answer, binary where it is binary. */
export function handleOperation(gateway: Gateway, context: RequestContext): Promise<Response> {
  return runAttempts(gateway, context, async (run) => {
    const prepared = prepareOperation(context, run.target);
    run.beforeCall();
    return callOnce(gateway, context, run, prepared);
  });
}

async function callOnce(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
): Promise<Response> {
  const { provider, deployment } = run.target;
  const seconds = timeoutOf(context, deployment);
  const controller = new AbortController();
  const deadline = gateway.deadlines.add(seconds, () => controller.abort(new AttemptTimeout(seconds)));
  const { signal } = context.request;
  const gone = (): void => controller.abort(new ClientGone());
  if (signal.aborted) gone();
  else signal.addEventListener("abort", gone, { once: true });
  const send = (request: OutboundRequest): Promise<Response> =>
    gateway.transport.send({ ...request, signal: controller.signal });
  try {
    const outbound =
      provider.sign === undefined ? prepared.outbound : await provider.sign(prepared.outbound, prepared.call, send);
    run.progress.sent = true;
    const response =
      prepared.endpoint.exchange === undefined
        ? await send(outbound)
        : await prepared.endpoint.exchange(outbound, send, prepared.call);
    if (response.status < 200 || response.status > 299) throw await refusal(run, prepared, response);
    const type = response.headers.get("content-type") ?? "";
    if (type.includes("json") && !type.includes("stream"))
      return await jsonAnswer(gateway, context, run, prepared, response);
    return passBody(gateway, context, run, prepared, response);
  } catch (error) {
    if (error instanceof UpstreamError) throw error;
    const reason: unknown = controller.signal.aborted ? controller.signal.reason : undefined;
    if (reason instanceof ClientGone) throw reason;
    if (reason instanceof AttemptTimeout)
      throw new UpstreamError({ code: "timeout", message: `Request timed out. - ${reason.message}` });
    if (error instanceof Error && error.name === "GatewayError") throw error;
    throw new UpstreamError(connectionFailure(error, prepared.outbound.url), { cause: error });
  } finally {
    deadline.done();
    signal.removeEventListener("abort", gone);
  }
}

async function refusal(run: AttemptRun, prepared: PreparedOperation, response: Response): Promise<UpstreamError> {
  const { provider } = run.target;
  const text = await response.text();
  run.progress.sent = false;
  const failure = formatById(prepared.endpoint.format).decodeError(response.status, text, response.headers);
  return new UpstreamError(provider.classifyError?.(failure, response.status, text) ?? failure, {
    headers: providerHeaders(response.headers),
  });
}

async function jsonAnswer(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
  response: Response,
): Promise<Response> {
  const text = await response.text();
  const parsed = parseJson(text);
  if (!isObject(parsed)) {
    throw new UpstreamError({
      code: "internal",
      message: `the provider answered ${response.status} with a body that is not a JSON object`,
    });
  }
  const body = prepared.endpoint.normaliseResponse?.(parsed, prepared.call) ?? parsed;
  run.progress.usage = operationUsage({ operation: context.operation, fields: context.body }, body);
  const upstreamMs = run.elapsed();
  noteAttempt(run, "success");
  run.settlement.settle({ status: "success", httpStatus: 200 });
  const headers = headersOf(gateway, context, run, prepared, response, upstreamMs);
  headers["content-type"] = "application/json";
  return new Response(namedAsAsked(context, body, body === parsed ? text : JSON.stringify(body)), {
    status: 200,
    headers,
  });
}

function namedAsAsked(context: RequestContext, body: JsonObject, text: string): string {
  return typeof body.model === "string" ? replaceStringMember(text, "model", body.model, context.requestedModel) : text;
}

/** Sound, plain text and event streams go on as they come; the row is written before their last byte is. */
function passBody(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
  response: Response,
): Response {
  const headers = headersOf(gateway, context, run, prepared, response, run.elapsed());
  headers["content-type"] = response.headers.get("content-type") ?? "application/octet-stream";
  const decoder = new TextDecoder();
  const events = headers["content-type"].includes("event-stream");
  let tail = "";
  let settled = false;
  const settle = (status: "success" | "cancelled"): void => {
    if (settled) return;
    settled = true;
    run.progress.usage = operationUsage(
      { operation: context.operation, fields: context.body },
      events ? lastEvent(tail) : undefined,
    );
    noteAttempt(run, status);
    run.settlement.settle({ status, httpStatus: status === "success" ? 200 : 499 });
  };
  if (response.body === null) {
    settle("success");
    return new Response(null, { status: 200, headers });
  }
  const transformer: Transformer<Uint8Array, Uint8Array> & { cancel: () => void } = {
    transform(chunk, controller) {
      if (events) tail = (tail + decoder.decode(chunk, { stream: true })).slice(-65_536);
      controller.enqueue(chunk);
    },
    flush: () => settle("success"),
    cancel: () => settle("cancelled"),
  };
  return new Response((response.body as ReadableStream<Uint8Array>).pipeThrough(new TransformStream(transformer)), {
    status: 200,
    headers,
  });
}

function lastEvent(text: string): JsonObject | undefined {
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith("data:") && line.includes('"usage"'));
  const parsed = parseJson(lines.at(-1)?.slice(5) ?? "");
  return isObject(parsed) ? parsed : undefined;
}

function headersOf(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
  response: Response,
  upstreamMs: number,
): Record<string, string> {
  return answerHeaders(
    gateway,
    context,
    run.target.deployment,
    response.headers,
    run.settlement,
    upstreamMs,
    shownChanges(prepared.call.report),
  );
}
