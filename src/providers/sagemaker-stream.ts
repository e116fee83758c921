import { parseJson } from "../json/json.ts";
import { EventStreamFramer } from "../upstream/event-stream.ts";

const PRELUDE = 12;
const TRAILER = 4;
/** Far more than SageMaker puts into one message. */
const LONGEST = 24 * 1024 * 1024;

/**
 * SageMaker's event stream as the container wrote it: the raw bytes of its `PayloadPart` messages, which end anywhere,
 * also inside a character or an event (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_PayloadPart.html,
 * 2026-11-24). Lines of bare JSON become events; an exception becomes an event with `error`.
 */
export function unwrapPayload(response: Response): Response {
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || response.body === null || !type.includes("eventstream")) return response;
  const body = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TransformStream(payloads()))
    .pipeThrough(new TransformStream(eventLines()));
  return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
}

function payloads(): Transformer<Uint8Array, Uint8Array> {
  let rest = new Uint8Array(0);
  let damaged = false;
  return {
    transform(chunk, controller) {
      if (damaged) return;
      const held = new Uint8Array(rest.length + chunk.length);
      held.set(rest);
      held.set(chunk, rest.length);
      const view = new DataView(held.buffer);
      let at = 0;
      while (held.length - at >= PRELUDE) {
        const length = view.getUint32(at);
        if (length < PRELUDE + TRAILER || length > LONGEST) {
          damaged = true;
          controller.enqueue(errorEvent("InternalStreamFailure", '{"message":"the event stream is damaged"}'));
          return;
        }
        if (held.length - at < length) break;
        const message = held.subarray(at, at + length);
        const [frame] = new EventStreamFramer().push(message);
        if (frame?.event === "PayloadPart") {
          controller.enqueue(message.slice(PRELUDE + view.getUint32(at + 4), length - TRAILER));
        } else if (frame !== undefined) controller.enqueue(errorEvent(frame.event, frame.data));
        at += length;
      }
      rest = held.slice(at);
    },
  };
}

function errorEvent(type: string | undefined, data: string): Uint8Array {
  const held = parseJson(data) as { readonly message?: string } | undefined;
  const error = JSON.stringify({ error: held?.message ?? data, error_type: type ?? "InternalStreamFailure" });
  return new TextEncoder().encode(`\n\ndata: ${error}\n\n`);
}

/** `{…}` on a line of its own is one event; lines of server-sent events stay as they are. */
function eventLines(): Transformer<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = "";
  const event = (line: string): string => (line.startsWith("{") ? `data: ${line}\n\n` : `${line}\n`);
  return {
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (lines.length > 0) controller.enqueue(encoder.encode(lines.map(event).join("")));
    },
    flush(controller) {
      if (rest !== "") controller.enqueue(encoder.encode(event(rest)));
    },
  };
}
