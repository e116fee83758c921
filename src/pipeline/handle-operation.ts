import { UpstreamError } from "../errors/gateway-error.ts";
import { formatById } from "../formats/registry.ts";
import { isObject, type JsonObject, parseJson } from "../json/json.ts";
import { replaceStringMember } from "../json/patch.ts";
import { operationUsage } from "../providers/operation-usage.ts";
import type { Operation } from "../providers/provider.ts";
import type { UpstreamResponse } from "../upstream/transport.ts";
import { answerHeaders } from "./answer-headers.ts";
import { asCallError } from "./attempt.ts";
import type { AttemptRun } from "./attempt-run.ts";
import type { PartialRequest } from "./cached-embeddings.ts";
import { secretsOf, withoutSecrets } from "./deployment-secrets.ts";
import type { Gateway } from "./gateway.ts";
import { noteAttempt, shownChanges } from "./handle-conversation.ts";
import { operationEndpoint, type PreparedOperation, prepareOperation } from "./operation-request.ts";
import { providerHeaders } from "./provider-headers.ts";
import { relayBody } from "./relay-body.ts";
import type { RequestContext } from "./request-context.ts";
import { runAttempts } from "./run-attempts.ts";
import { answerObject } from "./stored-content.ts";
import { timeoutOf } from "./time-limits.ts";
import { estimatedCount } from "./token-count.ts";
import { UpstreamCall } from "./upstream-call.ts";

/** Operations that never answer with anything else: a page of HTML from something in between is a failure. */
const ONLY_JSON: ReadonlySet<Operation> = new Set<Operation>([
  "embeddings",
  "rerank",
  "moderation",
  "count-tokens",
  "ocr",
]);

/** Serves embeddings, rankings, images, sound and moderation: one request, one answer, binary where it is binary. */
export function handleOperation(gateway: Gateway, asked: RequestContext): Promise<Response> {
  return runAttempts(gateway, asked, async (run) => {
    const context = outgoing(run.context);
    if (context.operation === "count-tokens" && operationEndpoint(context, run.target) === undefined) {
      run.answered();
      run.progress.usage = { buckets: {} };
      noteAttempt(run, "success");
      run.settlement.settle({ status: "success", httpStatus: 200 });
      return Response.json(await estimatedCount(context));
    }
    const prepared = prepareOperation(context, run.target);
    run.beforeCall();
    return callOnce(gateway, context, run, prepared);
  });
}

/** Of a list of embeddings only what is not known goes out. */
function outgoing(context: RequestContext): RequestContext {
  const partial = partialOf(context);
  if (partial === undefined) return context;
  return { ...context, body: partial.body, text: partial.text, bytes: partial.bytes };
}

function partialOf({ partial, fellBack }: RequestContext): PartialRequest | undefined {
  return fellBack === true ? undefined : partial;
}

async function callOnce(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
): Promise<Response> {
  const { provider, deployment } = run.target;
  const seconds = timeoutOf(context, deployment);
  const { endpoint, call, outbound } = prepared;
  const onSend = (): void => {
    run.progress.sent = true;
  };
  const upstream = new UpstreamCall(gateway, context, {
    provider,
    endpoint,
    call,
    outbound,
    timeoutSeconds: seconds,
    onSend,
  });
  try {
    const response = await upstream.response();
    if (response.status < 200 || response.status > 299) throw await refusal(run, prepared, response);
    const type = response.headers.get("content-type") ?? "";
    if (
      (type.includes("json") && !type.includes("stream")) ||
      ONLY_JSON.has(context.operation) ||
      type.includes("html")
    ) {
      return await jsonAnswer(gateway, context, run, prepared, response);
    }
    run.answered(response.headers);
    return passBody(gateway, context, run, prepared, response, upstream.abort);
  } catch (error) {
    const failure = asCallError(error, upstream.reason, prepared, seconds, run.progress);
    upstream.abort(failure);
    throw failure;
  } finally {
    upstream.finish();
  }
}

async function refusal(
  run: AttemptRun,
  prepared: PreparedOperation,
  response: UpstreamResponse,
): Promise<UpstreamError> {
  const { provider, deployment } = run.target;
  const text = withoutSecrets(await response.text(), secretsOf(deployment));
  run.progress.sent = false;
  const failure = formatById(prepared.endpoint.format).decodeError(response.status, text, response.headers as Headers);
  return new UpstreamError(provider.classifyError?.(failure, response.status, text) ?? failure, {
    headers: providerHeaders(response.headers, run.target.deployment),
  });
}

async function jsonAnswer(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
  response: UpstreamResponse,
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
  const own = namedAsAsked(context, body, body === parsed ? text : JSON.stringify(body));
  const partial = partialOf(context);
  const answer = partial === undefined ? own : partial.complete(own);
  run.answered(response.headers);
  noteAttempt(run, "success");
  if (partial !== undefined) run.settlement.cachedInputs = partial.known;
  if (context.fellBack !== true) {
    context.cacheWriter?.save(answer, "application/json", run.settlement, run.progress.usage);
  }
  if (run.settlement.keepsContent) run.settlement.answer = answerObject(answer);
  run.settlement.settle({ status: "success", httpStatus: 200 });
  const headers = headersOf(gateway, context, run, prepared, response, upstreamMs);
  headers.set("content-type", "application/json");
  return new Response(answer, { status: 200, headers });
}

function namedAsAsked(context: RequestContext, body: JsonObject, text: string): string {
  return typeof body.model === "string" && context.fellBack !== true
    ? replaceStringMember(text, "model", body.model, context.requestedModel)
    : text;
}

/** Sound, plain text and event streams go on as they come; the row is written before their end is seen. */
function passBody(
  gateway: Gateway,
  context: RequestContext,
  run: AttemptRun,
  prepared: PreparedOperation,
  response: UpstreamResponse,
  abort: (reason: Error) => void,
): Response {
  const headers = headersOf(gateway, context, run, prepared, response, run.elapsed());
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  headers.set("content-type", type);
  const events = type.includes("event-stream");
  const decoder = new TextDecoder();
  let tail = "";
  const body = relayBody({
    response,
    abort,
    look: (chunk) => {
      if (events) tail = (tail + decoder.decode(chunk, { stream: true })).slice(-LONGEST_EVENT);
    },
    settle: (status) => {
      run.progress.usage = operationUsage(
        { operation: context.operation, fields: context.body },
        events ? lastEvent(tail) : undefined,
      );
      noteAttempt(run, status);
      run.settlement.settle({ status, httpStatus: status === "cancelled" ? 499 : 200 });
    },
  });
  return new Response(body, { status: 200, headers });
}

const LONGEST_EVENT = 65_536;

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
  response: UpstreamResponse,
  upstreamMs: number,
): Headers {
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
