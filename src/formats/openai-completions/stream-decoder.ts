import { asArray, asNumber, asString, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { StreamEvent } from "../conversation.ts";
import type { StreamDecoder } from "../format.ts";
import { failureOf } from "../openai-chat/errors.ts";
import { decodeFinish } from "../openai-chat/finish.ts";
import { usageOf } from "../openai-chat/usage.ts";
import { decodeLogprobs } from "./logprobs.ts";
import { textOf } from "./response.ts";

interface OpenChoice {
  open: boolean;
  finished: boolean;
}

/** The chunks of streamed text completions; usage comes in the last one, or in one of its own behind the finish. */
export class CompletionsStreamDecoder implements StreamDecoder {
  readonly #choices = new Map<number, OpenChoice>();
  #started = false;
  #failed = false;
  #done = false;

  push(frame: Frame): StreamEvent[] {
    const text = frame.data.trim();
    if (this.#failed || this.#done || text === "") return [];
    if (text === "[DONE]") {
      this.#done = true;
      return [];
    }
    const body = parseJson(text);
    if (!isObject(body)) return this.#fail({}, `the stream holds a chunk that is not JSON: ${text.slice(0, 200)}`);
    if (body.error !== undefined && body.error !== null) return this.#fail(body, text);
    return this.#read(body);
  }

  end(): StreamEvent[] {
    if (this.#failed) return [];
    const unfinished = [...this.#choices].filter(([, choice]) => !choice.finished);
    const events = unfinished.flatMap(([index, choice]) => this.#close(index, choice));
    const finished = this.#choices.size > unfinished.length;
    if (!finished && !this.#done) {
      return [...events, ...this.#fail({}, "the stream ended before its answer was complete")];
    }
    if (this.#choices.size === 0) {
      return [...events, ...this.#fail({}, "the stream ended without an answer")];
    }
    for (const [index] of unfinished) events.push({ type: "finish", choice: index, reason: "stop" });
    return events;
  }

  #fail(body: JsonObject, text: string): StreamEvent[] {
    this.#failed = true;
    const code = isObject(body.error) ? asNumber(Number(body.error.code ?? Number.NaN)) : undefined;
    const status = code !== undefined && code >= 400 && code < 600 ? code : 500;
    const { upstreamStatus: _, ...error } = failureOf(body, status, text);
    return [{ type: "error", error }];
  }

  #read(body: JsonObject): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (!this.#started) {
      this.#started = true;
      const id = asString(body.id);
      const model = asString(body.model);
      const created = asNumber(body.created);
      const fingerprint = asString(body.system_fingerprint);
      events.push({
        type: "start",
        ...(id === undefined || id === "" ? {} : { id }),
        ...(model === undefined ? {} : { model }),
        ...(created === undefined || created === 0 ? {} : { created }),
        ...(fingerprint === undefined ? {} : { systemFingerprint: fingerprint }),
      });
    }
    asArray(body.choices).forEach((choice, position) => {
      if (isObject(choice)) this.#choice(choice, asNumber(choice.index) ?? position, events);
    });
    const usage = usageOf(body);
    if (usage !== undefined) events.push({ type: "usage", usage });
    return events;
  }

  #choice(choice: JsonObject, index: number, events: StreamEvent[]): void {
    const open = this.#choices.get(index) ?? { open: false, finished: false };
    this.#choices.set(index, open);
    if (open.finished) return;
    const text = textOf(choice);
    if (text !== "") {
      if (!open.open) events.push({ type: "part-start", choice: index, part: 0, kind: "text" });
      open.open = true;
      events.push({ type: "delta", choice: index, part: 0, text });
    }
    const logprobs = decodeLogprobs(choice.logprobs);
    if (logprobs !== undefined) events.push({ type: "logprobs", choice: index, logprobs });
    const raw = asString(choice.finish_reason);
    if (raw === undefined || raw === "") return;
    events.push(...this.#close(index, open));
    open.finished = true;
    const stopSequence = asString(choice.stop_reason);
    events.push({
      type: "finish",
      choice: index,
      reason: decodeFinish(raw, false),
      raw,
      ...(stopSequence === undefined ? {} : { stopSequence }),
    });
  }

  #close(index: number, choice: OpenChoice): StreamEvent[] {
    if (!choice.open) return [];
    choice.open = false;
    return [{ type: "part-end", choice: index, part: 0 }];
  }
}
