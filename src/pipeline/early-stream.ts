import type { DeadlineWheel } from "../upstream/deadline-wheel.ts";
import type { Ping } from "./keepalive.ts";

export interface EarlyStreamOptions {
  readonly ping: Ping;
  readonly deadlines: DeadlineWheel;
  readonly headers: Readonly<Record<string, string>>;
  /** An error in the words of the client's stream, for when its status has gone out already. */
  readonly failure: (error: unknown) => string;
}

/**
 * The call's answer where it comes within the ping's interval. Otherwise an answer begins without it: pings, then what
 * the call makes of its own stream. Retries and fallbacks go on behind the pings; only the status is 200 from then on.
 */
export function answerEarly(call: Promise<Response>, options: EarlyStreamOptions): Promise<Response> {
  return new Promise((resolve, reject) => {
    let early = false;
    const deadline = options.deadlines.add(options.ping.seconds, {
      expired: () => {
        early = true;
        resolve(new Response(earlyBody(call, options), { status: 200, headers: options.headers }));
      },
    });
    call.then(
      (response) => {
        deadline.done();
        if (!early) resolve(response);
      },
      (error: unknown) => {
        deadline.done();
        if (!early) reject(error);
      },
    );
  });
}

function earlyBody(call: Promise<Response>, { ping, deadlines, failure }: EarlyStreamOptions): ReadableStream {
  const encoder = new TextEncoder();
  const beat = encoder.encode(ping.text);
  let gone = false;
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let deadline: { done(): void } | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const pinged = (): void => {
        controller.enqueue(beat);
        deadline = deadlines.add(ping.seconds, { expired: pinged });
      };
      pinged();
      const failed = (error: unknown): void => {
        deadline?.done();
        if (gone) return;
        controller.enqueue(encoder.encode(failure(error)));
        controller.close();
      };
      call.then((response) => {
        deadline?.done();
        const body = response.body;
        if (body === null) controller.close();
        else if (gone) void body.cancel();
        else reader = body.getReader();
      }, failed);
    },
    async pull(controller) {
      // What the call throws is told above.
      await call.then(ignore, ignore);
      if (reader === undefined) return;
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      gone = true;
      deadline?.done();
      return reader?.cancel(reason);
    },
  });
}

function ignore(): void {}
