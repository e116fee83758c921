import type { ByteSource, UpstreamResponse } from "../upstream/transport.ts";
import { ClientGone } from "./upstream-call.ts";

export interface RelayOptions {
  readonly response: UpstreamResponse;
  /** Looks at bytes as they pass; valid during the call only. */
  readonly look: (chunk: Uint8Array) => void;
  /** Called once, before the client can see the end of its answer. */
  readonly settle: (status: "success" | "failure" | "cancelled") => void;
  /** Ends the provider's answer when nobody reads it any more. */
  readonly abort: (reason: Error) => void;
}

/** A body that goes on as it comes. A client that reads slowly holds the provider back, not our memory. */
export function relayBody({ response, look, settle, abort }: RelayOptions): ReadableStream<Uint8Array> {
  let settled = false;
  const end = (status: "success" | "failure" | "cancelled"): void => {
    settled = true;
    settle(status);
  };
  let source: ByteSource | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      source = response.read({
        data(chunk) {
          if (settled) return;
          look(chunk);
          controller.enqueue(chunk.slice());
          if ((controller.desiredSize ?? 1) < 0) source?.pause();
        },
        end() {
          if (settled) return;
          end("success");
          controller.close();
        },
        fail(error) {
          if (settled) return;
          end("failure");
          controller.error(error);
        },
      });
    },
    pull: () => source?.resume(),
    cancel() {
      if (settled) return;
      end("cancelled");
      abort(new ClientGone());
    },
  });
}
