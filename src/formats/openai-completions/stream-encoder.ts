import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Json, JsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { StreamEvent } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { encodeError } from "../openai-chat/errors.ts";
import { encodeFinish } from "../openai-chat/finish.ts";
import { encodeUsage } from "../openai-chat/usage.ts";
import { encodeLogprobs } from "./logprobs.ts";
import { completionId } from "./response.ts";

/** Chunks of a text completion. Usage has a chunk of its own at the end, for those who asked for it. */
export class CompletionsStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  /** Parts whose text is not the answer's: thinking and tool calls. */
  readonly #silent = new Set<string>();
  readonly #offsets = new Map<number, number>();
  /** A text that waits for its log probabilities, which come after it. */
  #held: { readonly choice: number; readonly text: string } | undefined;
  #start: Extract<StreamEvent, { type: "start" }> = { type: "start" };
  #usage: Usage | undefined;
  #ended = false;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: StreamEvent): string {
    if (event.type === "logprobs") {
      const held = this.#held?.choice === event.choice ? this.#held : undefined;
      if (held !== undefined) this.#held = undefined;
      return this.#say(event.choice, held?.text ?? "", event.logprobs);
    }
    return this.#release() + this.#push(event);
  }

  end(): string {
    if (this.#ended) return "";
    this.#ended = true;
    const usage =
      this.#usage === undefined || this.#context.request.includeUsage !== true
        ? ""
        : this.#chunk([], { usage: encodeUsage(this.#usage) });
    return `${this.#release()}${usage}${sseFrame("[DONE]")}`;
  }

  error(error: GatewayError): string {
    if (this.#ended) return "";
    this.#ended = true;
    return this.#release() + sseFrame(JSON.stringify(encodeError(error, undefined)));
  }

  #push(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#start = event;
        return "";
      case "part-start":
        if (event.kind !== "text" && event.kind !== "refusal") this.#silent.add(`${event.choice}/${event.part}`);
        return "";
      case "delta":
        if (event.text === "" || this.#silent.has(`${event.choice}/${event.part}`)) return "";
        if (this.#context.request.sampling.logprobs !== true) return this.#say(event.choice, event.text);
        this.#held = { choice: event.choice, text: event.text };
        return "";
      case "part": {
        const { value } = event;
        return value.type === "text" || value.type === "refusal" ? this.#say(event.choice, value.text) : "";
      }
      case "finish":
        return this.#chunk([
          { text: "", index: event.choice, logprobs: null, finish_reason: encodeFinish(event.reason) },
        ]);
      case "usage":
        this.#usage = event.usage;
        return "";
      default:
        return "";
    }
  }

  #release(): string {
    const held = this.#held;
    this.#held = undefined;
    return held === undefined ? "" : this.#say(held.choice, held.text);
  }

  #say(choice: number, text: string, logprobs?: Json): string {
    const offset = this.#offsets.get(choice) ?? 0;
    this.#offsets.set(choice, offset + text.length);
    return this.#chunk([{ text, index: choice, logprobs: encodeLogprobs(logprobs, offset), finish_reason: null }]);
  }

  #chunk(choices: readonly JsonObject[], more: JsonObject = {}): string {
    const { created, id, systemFingerprint } = this.#start;
    return sseFrame(
      JSON.stringify({
        id: completionId(id, this.#context),
        object: "text_completion",
        created: created ?? this.#context.now,
        model: this.#context.model,
        choices,
        ...(systemFingerprint === undefined ? {} : { system_fingerprint: systemFingerprint }),
        ...more,
      }),
    );
  }
}
