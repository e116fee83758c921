import type { GatewayError, UpstreamFailure } from "../errors/gateway-error.ts";
import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import type { StreamingAnswer } from "./first-content.ts";
import type { Ping } from "./keepalive.ts";
import { endedUsage, type OutputAllowance } from "./output-allowance.ts";
import { AttemptTimeout, BudgetEnded, ClientGone } from "./upstream-call.ts";

export interface StreamBodyOptions {
  readonly answer: StreamingAnswer;
  readonly deadlines: DeadlineWheel;
  /** Longest silence of the upstream, in seconds. */
  readonly idleSeconds: number;
  /** What a client is told meanwhile; undefined for nothing. */
  readonly ping: Ping | undefined;
  readonly failureOf: (failure: UpstreamFailure) => GatewayError;
  /** Whether somebody wants the whole text of a stream that ends as it should. */
  readonly keep: boolean;
  /** How long the stream may go on; undefined where what is reserved for it suffices, whatever comes. */
  readonly allowance: OutputAllowance | undefined;
  /** The most tokens that the prompt can have, for a stream that is ended early. */
  readonly promptBound: number;
  /** Called once, before the client can see the end of its answer. `whole` is there when it was to be kept. */
  readonly settle: (status: "success" | "failure" | "cancelled", failure?: GatewayError, whole?: string) => void;
}

/**
 * The client's body: the head that is already there, then the upstream's bytes through the tap. The only code per
 * piece is one synchronous function, called by the socket.
 */
export function streamBody(options: StreamBodyOptions): BodyInit {
  const { answer, settle, allowance } = options;
  const { tap } = answer;
  let settled = false;
  /** What the client got so far, while it is wanted and not too much. */
  let kept = options.keep ? "" : undefined;
  const note = (text: string): void => {
    if (allowance?.recording === true) allowance.record(text);
    if (kept === undefined) return;
    kept = kept.length + text.length > LONGEST_KEPT ? undefined : kept + text;
  };
  const end = (status: "success" | "failure" | "cancelled", failure?: GatewayError): void => {
    if (settled) return;
    settled = true;
    settle(status, failure, status === "success" ? kept : undefined);
  };
  const failed = (failure: UpstreamFailure): string => {
    const error = options.failureOf(failure);
    end("failure", error);
    return tap.error(error);
  };

  if (answer.rest === undefined) {
    if (tap.failure !== undefined) return answer.head + failed(tap.failure);
    note(answer.head);
    end("success");
    return answer.head;
  }
  note(answer.head);
  if (tap.closed) end("success");

  const { rest } = answer;
  const encoder = new TextEncoder();
  let silent = false;
  const { ping, deadlines, idleSeconds } = options;
  /** Silence that is looked at again, in seconds, and how much of it was looked at already. */
  const step = ping === undefined ? idleSeconds : Math.min(ping.seconds, idleSeconds);
  let silence = 0;
  let pinged = (_text: string): void => undefined;
  const silenced = (): void => {
    silence += step;
    if (silence >= idleSeconds || ping === undefined) {
      silent = true;
      answer.abort(new AttemptTimeout(idleSeconds));
      return;
    }
    pinged(ping.text);
    deadline = deadlines.add(Math.min(step, idleSeconds - silence), { expired: silenced });
  };
  let deadline = deadlines.add(step, { expired: silenced });
  let paused = false;
  /** The budget is being asked whether the stream may go on. */
  let asking = false;

  return new ReadableStream<Uint8Array>({
    start(controller) {
      const put = (text: string): void => {
        if (text !== "") controller.enqueue(encoder.encode(text));
      };
      const close = (text: string): void => {
        deadline.done();
        put(text);
        controller.close();
      };
      /** The money has ended: so does the answer, for its length. */
      const endEarly = (budget: OutputAllowance): void => {
        const usage = endedUsage(tap.usage, options.promptBound, budget.tokens(tap));
        const text = tap.endEarly({ usage, choices: budget.choices, sent: budget.sent });
        kept = undefined;
        end("success");
        close(text);
        answer.abort(new BudgetEnded());
      };
      const ask = (budget: OutputAllowance, latest: string): void => {
        if (!budget.recording) budget.record(latest);
        const more = budget.more(tap);
        if (more === true) return;
        if (more === false) {
          endEarly(budget);
          return;
        }
        asking = true;
        rest.pause();
        more.then(
          (granted) => {
            asking = false;
            if (settled) return;
            if (!granted) endEarly(budget);
            else if (!paused) rest.resume();
          },
          (error: unknown) => {
            asking = false;
            close(failed({ code: "internal", message: String(error) }));
            answer.abort(new Error(String(error)));
          },
        );
      };
      put(answer.head);
      pinged = put;
      rest.attach({
        data(chunk) {
          if (settled && !tap.closed) return;
          silence = 0;
          deadline.extend(step);
          const text = tap.push(chunk);
          note(text);
          if (tap.failure !== undefined) {
            close(text + failed(tap.failure));
            answer.abort(new Error(tap.failure.message));
            return;
          }
          if (tap.closed) end("success");
          put(text);
          // A client that reads slowly holds the provider back, not our memory.
          if ((controller.desiredSize ?? 1) <= LOW_WATER) {
            paused = true;
            rest.pause();
          }
          if (allowance !== undefined && tap.textBytes >= allowance.watchAt && !tap.finished) ask(allowance, text);
        },
        end() {
          if (settled && !tap.closed) return;
          let text = tap.end();
          note(text);
          if (tap.failure !== undefined && !tap.closed) text += failed(tap.failure);
          else end("success");
          close(text);
        },
        fail() {
          if (settled && !tap.closed) return;
          if (tap.closed) {
            close("");
            return;
          }
          close(
            failed(
              silent
                ? {
                    code: "timeout",
                    message: `Timeout on reading data from socket: nothing came for ${options.idleSeconds} s`,
                  }
                : { code: "api_connection", message: "the provider's connection broke before the answer was complete" },
            ),
          );
        },
      });
      rest.resume();
    },
    pull() {
      if (!paused) return;
      paused = false;
      if (!asking) rest.resume();
    },
    cancel() {
      deadline.done();
      end("cancelled");
      answer.abort(new ClientGone());
    },
  });
}

/** Pieces that may wait for the client, as the stream's desired size tells it (one is the queue's own mark). */
const LOW_WATER = -16;

/** Streams that are longer are not kept, in UTF-16 units. */
const LONGEST_KEPT = 2 * 1024 * 1024;
