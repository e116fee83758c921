import { PREDICTION_EVENT } from "../formats/replicate/stream.ts";
import { asObject, asString, type JsonObject, parseJson } from "../json/json.ts";
import type { Call, OutboundRequest, Send } from "./provider.ts";

/** The first pause between two looks at a prediction, and the longest, in milliseconds; each is half as long again. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 2_000;
const LOOKS_FOR_METRICS = 4;

const RUNNING: ReadonlySet<string> = new Set(["starting", "processing"]);

/**
 * One prediction from start to end (https://replicate.com/docs/topics/predictions/create-a-prediction, 2026-11-24).
 * Whole answers ask Replicate to hold the call open (`Prefer: wait`, up to a minute) and poll from there; streams
 * read `urls.stream`, or poll where the model has none. The call's own time-out ends both.
 */
export async function runPrediction(request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  const headers = call.stream ? request.headers : { prefer: "wait", ...request.headers };
  const created = await send({ ...request, headers });
  if (!created.ok) return created;
  const prediction = asObject(parseJson(await created.text()));
  if (prediction === undefined) return failed(502, "Replicate answered without a prediction");
  const stream = asString(asObject(prediction.urls)?.stream);
  if (call.stream && stream !== undefined) return streamOf(stream, prediction, request, send, call);
  return pollToEnd(prediction, request, send, call);
}

async function pollToEnd(first: JsonObject, request: OutboundRequest, send: Send, call: Call): Promise<Response> {
  let prediction = first;
  let pause = FIRST_PAUSE;
  while (RUNNING.has(asString(prediction.status) ?? "")) {
    const url = asString(asObject(prediction.urls)?.get);
    if (url === undefined || !isReplicates(url, call)) {
      return failed(502, "Replicate named no address of its own at which the prediction could be read");
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.5, LONGEST_PAUSE);
    const response = await send({ method: "GET", url, headers: readHeaders(request), body: undefined });
    if (!response.ok) return response;
    const next = asObject(parseJson(await response.text()));
    if (next === undefined) return failed(502, "Replicate answered without a prediction");
    prediction = next;
  }
  if (prediction.status === "succeeded") return Response.json(prediction);
  const reason = asString(prediction.error) ?? `the prediction ended as ${asString(prediction.status) ?? "unknown"}`;
  return failed(422, reason);
}

function failed(status: number, detail: string): Response {
  return Response.json({ detail, status }, { status });
}

function readHeaders(request: OutboundRequest): Record<string, string> {
  const { "content-type": _, prefer: __, ...headers } = request.headers;
  return headers;
}

async function streamOf(
  url: string,
  prediction: JsonObject,
  request: OutboundRequest,
  send: Send,
  call: Call,
): Promise<Response> {
  if (!isReplicates(url, call)) return failed(502, "Replicate named a stream at an address that is not its own");
  const headers = { ...readHeaders(request), accept: "text/event-stream", "cache-control": "no-store" };
  const response = await send({ method: "GET", url, headers, body: undefined });
  if (!response.ok || response.body === null) return response;
  const { id, model, created_at } = prediction;
  const body = (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => controller.enqueue(predictionEvent({ id, model, created_at })),
      async flush(controller) {
        const metrics = await metricsOf(prediction, request, send, call);
        if (metrics !== undefined) controller.enqueue(predictionEvent({ metrics }));
      },
    }),
  );
  return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
}

function predictionEvent(value: JsonObject): Uint8Array {
  return new TextEncoder().encode(`\n\nevent: ${PREDICTION_EVENT}\ndata: ${JSON.stringify(value)}\n\n`);
}

/** Streams do not say what was counted: the finished prediction does. Without it the gateway estimates. */
async function metricsOf(
  prediction: JsonObject,
  request: OutboundRequest,
  send: Send,
  call: Call,
): Promise<JsonObject | undefined> {
  const url = asString(asObject(prediction.urls)?.get);
  if (url === undefined || !isReplicates(url, call)) return undefined;
  try {
    // The prediction may be closed a moment after its stream.
    for (let look = 0; look < LOOKS_FOR_METRICS; look++) {
      const response = await send({ method: "GET", url, headers: readHeaders(request), body: undefined });
      if (!response.ok) return undefined;
      const seen = asObject(parseJson(await response.text()));
      if (!RUNNING.has(asString(seen?.status) ?? "")) return asObject(seen?.metrics);
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE));
    }
    return undefined;
  } catch {
    // The answer is complete and must not fail for want of its count.
    return undefined;
  }
}

const REPLICATE_DOMAINS = ["replicate.com", "replicate.net", "replicate.delivery"];

/** Whether the key may go there: Replicate itself over TLS, or the server that the deployment names. */
export function isReplicates(address: string, call: Call): boolean {
  if (!URL.canParse(address)) return false;
  const url = new URL(address);
  if (url.origin === new URL(call.target.base).origin) return true;
  if (url.protocol !== "https:") return false;
  return REPLICATE_DOMAINS.some((domain) => url.hostname === domain || url.hostname.endsWith(`.${domain}`));
}
