import type { GatewayError } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Part, StreamEvent } from "../conversation.ts";
import type { StreamEncoder } from "../format.ts";
import { encodeCitation } from "./blocks-encode.ts";
import { encodeError } from "./errors.ts";
import { encodeFinish } from "./finish.ts";
import { encodeAnswerPart } from "./response.ts";
import { FORMAT, memberOf, ownNative, wireName } from "./types.ts";
import { encodeUsage } from "./usage.ts";

type PartStart = Extract<StreamEvent, { type: "part-start" }>;

/**
 * ConverseStream's events, one text frame (`event:`, `data:`) each; AWS's binary framing of them is a matter of the
 * transport. Blocks carry their index, so parts may interleave.
 */
export class ConverseStreamEncoder implements StreamEncoder {
  readonly #parts = new Map<number, PartStart>();
  /** Argument text of custom calls, which is sent whole as an object. */
  readonly #custom = new Map<number, string>();
  #started = false;
  #finish: Extract<StreamEvent, { type: "finish" }> | undefined;
  #usage: Usage | undefined;
  #fields: JsonObject = {};

  push(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        return this.#start();
      case "usage":
        this.#usage = event.usage;
        return "";
      case "extensions":
        if (event.extensions.format === FORMAT) this.#fields = { ...this.#fields, ...event.extensions.fields };
        return "";
      case "finish":
        if (event.choice === 0) this.#finish = event;
        return "";
      case "ping":
      case "error":
      case "logprobs":
      case "resealed":
        return "";
      default:
        // Converse's answers have one choice.
        return event.choice === 0 ? this.#start() + this.#part(event) : "";
    }
  }

  end(): string {
    const { additionalModelResponseFields, ...metadata } = this.#fields;
    const reason = encodeFinish(this.#finish?.reason ?? "stop", this.#finish?.raw, this.#finish?.stopSequence);
    const tier = this.#usage?.serviceTier;
    return [
      this.#start(),
      ...[...this.#parts.keys()].map((part) => this.#part({ type: "part-end", choice: 0, part })),
      frame("messageStop", {
        stopReason: reason,
        ...(additionalModelResponseFields === undefined ? {} : { additionalModelResponseFields }),
      }),
      frame("metadata", {
        ...metadata,
        usage: encodeUsage(this.#usage),
        ...(tier === undefined ? {} : { serviceTier: { type: tier } }),
      }),
    ].join("");
  }

  error(error: GatewayError): string {
    const body = encodeError(error);
    return sseFrame(JSON.stringify(body), asString(body.__type));
  }

  #start(): string {
    if (this.#started) return "";
    this.#started = true;
    return frame("messageStart", { role: "assistant" });
  }

  #part(event: Exclude<Extract<StreamEvent, { part: number }>, { type: "resealed" }>): string {
    const index = event.part;
    const start = this.#parts.get(index);
    switch (event.type) {
      case "part-start":
        this.#parts.set(index, event);
        if (event.kind !== "tool-call") return "";
        return frame("contentBlockStart", {
          contentBlockIndex: index,
          start: { toolUse: { toolUseId: wireName(event.id), name: wireName(event.name), ...ownNative(event) } },
        });
      case "delta":
        if (start?.kind === "tool-call") return this.#argument(index, start, event.text);
        return delta(
          index,
          start?.kind === "thinking" ? { reasoningContent: { text: event.text } } : { text: event.text },
        );
      case "audio-delta":
        return event.transcript === undefined ? "" : delta(index, { text: event.transcript });
      case "sealed":
        return start?.kind === "thinking" ? delta(index, { reasoningContent: { signature: event.sealed.value } }) : "";
      case "citation":
        return delta(index, { citation: encodeCitation(event.citation) });
      case "part":
        return whole(index, event.value);
      case "part-end": {
        this.#parts.delete(index);
        const custom = this.#custom.get(index);
        const input =
          custom === undefined ? "" : delta(index, { toolUse: { input: JSON.stringify({ input: custom }) } });
        return input + frame("contentBlockStop", { contentBlockIndex: index });
      }
    }
  }

  #argument(index: number, start: Extract<PartStart, { kind: "tool-call" }>, text: string): string {
    if (start.toolKind !== "custom") return delta(index, { toolUse: { input: text } });
    this.#custom.set(index, (this.#custom.get(index) ?? "") + text);
    return "";
  }
}

/** A block that arrived whole, in the pieces in which it would have come. */
function whole(index: number, part: Part): string {
  return encodeAnswerPart(part)
    .map((block) => {
      const [member, value] = memberOf(block);
      const stop = frame("contentBlockStop", { contentBlockIndex: index });
      if (member === "text" || member === "reasoningContent") return delta(index, block) + stop;
      const { input, content, ...start } = asObject(value) ?? {};
      return [
        frame("contentBlockStart", { contentBlockIndex: index, start: { [member]: start } }),
        input === undefined ? "" : delta(index, { toolUse: { input: JSON.stringify(input) } }),
        content === undefined ? "" : delta(index, { [member]: content }),
        stop,
      ].join("");
    })
    .join("");
}

function delta(index: number, value: JsonObject): string {
  return frame("contentBlockDelta", { contentBlockIndex: index, delta: value });
}

function frame(event: string, value: JsonObject): string {
  return sseFrame(JSON.stringify(value), event);
}
