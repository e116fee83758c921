import type { EventBus, Subscription } from "./event-bus.ts";
import type { Log } from "./log.ts";
import type { RequestEvent } from "./request-event.ts";

/** Writes each event as a line, where the log shows the course of requests. */
export function logEvents(bus: EventBus<RequestEvent>, log: Log): Subscription | undefined {
  if (!log.enabled("debug")) return undefined;
  return bus.subscribe({
    name: "log",
    handle: (events) => {
      for (const event of events) {
        const { type, keyHash: _, ...fields } = { keyHash: undefined, ...event };
        log.debug(type, fields);
      }
    },
  });
}
