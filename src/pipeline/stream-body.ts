import type { GatewayError, UpstreamFailure } from "../errors/gateway-error.ts";
import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import { AttemptTimeout, type StreamingAnswer } from "./attempt.ts";

export interface StreamBodyOptions {
  readonly answer: StreamingAnswer;
  readonly deadlines: DeadlineWheel;
  /** Longest silence of the upstream, in seconds. */
  readonly idleSeconds: number;
  readonly failureOf: (failure: UpstreamFailure) => GatewayError;
  /** Called once, before the client can see the end of its answer. */
  readonly settle: (status: "success" | "failure" | "cancelled", failure?: GatewayError) => void;
}

/**
 * The client's body: the head that is already there, then the upstream's bytes through the tap. The upstream's stream
 * is piped natively; the only code per piece is one synchronous function.
 */
export function streamBody(options: StreamBodyOptions): BodyInit {
  const { answer, settle } = options;
  const { tap } = answer;
  let settled = false;
  const end = (status: "success" | "failure" | "cancelled", failure?: GatewayError): void => {
    if (settled) return;
    settled = true;
    settle(status, failure);
  };
  const failed = (failure: UpstreamFailure): string => {
    const error = options.failureOf(failure);
    end("failure", error);
    return tap.error(error);
  };

  if (answer.rest === undefined) {
    if (tap.failure !== undefined) return answer.head + failed(tap.failure);
    end("success");
    return answer.head;
  }
  if (tap.closed) end("success");

  const encoder = new TextEncoder();
  let silent = false;
  const deadline = options.deadlines.add(options.idleSeconds, () => {
    silent = true;
    answer.abort(new AttemptTimeout(options.idleSeconds));
  });
  let client: TransformStreamDefaultController<Uint8Array> | undefined;

  const transformer: Transformer<Uint8Array, Uint8Array> & { cancel: () => void } = {
    start(controller) {
      client = controller;
      controller.enqueue(encoder.encode(answer.head));
    },
    transform(chunk, controller) {
      deadline.extend(options.idleSeconds);
      const text = tap.push(chunk);
      if (tap.failure !== undefined) {
        controller.enqueue(encoder.encode(text + failed(tap.failure)));
        deadline.done();
        controller.terminate();
        return;
      }
      if (tap.closed) end("success");
      if (text !== "") controller.enqueue(encoder.encode(text));
    },
    flush(controller) {
      deadline.done();
      let text = tap.end();
      if (tap.failure !== undefined && !tap.closed) text += failed(tap.failure);
      else end("success");
      if (text !== "") controller.enqueue(encoder.encode(text));
    },
    cancel() {
      deadline.done();
      end("cancelled");
    },
  };
  const { readable, writable } = new TransformStream(transformer);
  // A pipe that broke would discard what the client has not read yet and could not tell it why: end it here instead.
  answer.rest.pipeTo(writable, { preventAbort: true }).catch(() => {
    deadline.done();
    if (settled || client === undefined) return;
    const failure: UpstreamFailure = silent
      ? { code: "timeout", message: `Timeout on reading data from socket: nothing came for ${options.idleSeconds} s` }
      : { code: "api_connection", message: "the provider's connection broke before the answer was complete" };
    client.enqueue(encoder.encode(failed(failure)));
    client.terminate();
  });
  return readable;
}
