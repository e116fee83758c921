import type { StreamEvent } from "../conversation.ts";

interface WaitingPart {
  readonly events: StreamEvent[];
  ended: boolean;
}

/**
 * Lets one part through at a time: items of a streamed answer do not overlap, while parts of a conversation may. What
 * belongs to another part waits until the open one has ended.
 */
export class PartQueue {
  readonly #forward: (event: StreamEvent) => void;
  readonly #waiting = new Map<number, WaitingPart>();
  #open: number | undefined;

  constructor(forward: (event: StreamEvent) => void) {
    this.#forward = forward;
  }

  push(event: StreamEvent): void {
    if (!("part" in event)) {
      this.#forward(event);
      return;
    }
    const ends = event.type === "part-end" || event.type === "part";
    if (this.#open === undefined || this.#open === event.part) {
      this.#open = ends ? undefined : event.part;
      this.#forward(event);
      if (ends) this.#next();
      return;
    }
    const waiting = this.#waiting.get(event.part) ?? { events: [], ended: false };
    this.#waiting.set(event.part, waiting);
    waiting.events.push(event);
    waiting.ended ||= ends;
  }

  /** Lets through what still waits, ended or not. */
  flush(): void {
    for (const { events } of this.#waiting.values()) for (const event of events) this.#forward(event);
    this.#waiting.clear();
    this.#open = undefined;
  }

  #next(): void {
    for (const [part, { events, ended }] of this.#waiting) {
      this.#waiting.delete(part);
      for (const event of events) this.#forward(event);
      if (ended) continue;
      this.#open = part;
      return;
    }
  }
}
