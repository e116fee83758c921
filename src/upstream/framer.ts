import { EventStreamFramer } from "./event-stream.ts";
import { type Framer, NdjsonFramer, SseFramer } from "./sse.ts";

/** How a stream's bytes are cut into frames. */
export type Framing = "sse" | "ndjson" | "aws-event-stream";

/** A new framer; server-sent events unless said otherwise. */
export function framerFor(framing: Framing | undefined): Framer {
  switch (framing) {
    case "ndjson":
      return new NdjsonFramer();
    case "aws-event-stream":
      return new EventStreamFramer();
    default:
      return new SseFramer();
  }
}
