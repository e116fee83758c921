import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
  parseJson,
} from "../../json/json.ts";
import type { Frame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Citation, StreamEvent } from "../conversation.ts";
import type { ResponseContext, StreamDecoder } from "../format.ts";
import { uncarry } from "../sealed.ts";
import { citationOf } from "./annotations.ts";
import { failureOf } from "./errors.ts";
import { decodeFinish } from "./finish.ts";
import { argumentText, splitThought } from "./messages-decode.ts";
import { mediaSource } from "./parts-decode.ts";
import { reasoningPieces } from "./reasoning-pieces.ts";
import { usageOf } from "./usage.ts";

type OpenKind = "text" | "thinking" | "refusal";

interface OpenCall {
  readonly key: string;
  part: number | undefined;
  id: string;
  name: string;
  /** Text that came before the name did. */
  waiting: string;
  hasArguments: boolean;
  custom: boolean;
  ended: boolean;
}

interface OpenChoice {
  next: number;
  open: { readonly part: number; readonly kind: OpenKind } | undefined;
  audio: number | undefined;
  calls: OpenCall[];
  lastText: number | undefined;
  lastThinking: number | undefined;
  cited: boolean;
  /** The provider's word, once it was said; some say it more than once, or before the last piece. */
  raw: string | undefined;
}

const TOP_FIELDS = new Set([
  "id",
  "object",
  "created",
  "model",
  "choices",
  "usage",
  "system_fingerprint",
  "service_tier",
  "x_groq",
  "obfuscation",
  "error",
]);

/** Chat Completions chunks, and what compatible servers make of them, as events. A whole answer is read as one chunk. */
export class ChatStreamDecoder implements StreamDecoder {
  readonly #context: ResponseContext;
  readonly #choices = new Map<number, OpenChoice>();
  #started = false;
  #failed = false;
  #complete = false;
  #finished = false;
  #id = "";
  #usage: Usage | undefined;
  #extensions: MutableJsonObject = {};
  #sources: Citation[] = [];

  constructor(context: ResponseContext) {
    this.#context = context;
  }

  push(frame: Frame): StreamEvent[] {
    if (this.#failed || this.#finished) return [];
    if (frame.data === "[DONE]") {
      this.#complete = true;
      return this.#finish();
    }
    const body = parseJson(frame.data);
    if (!isObject(body)) {
      if (frame.data.trim() === "" || body !== undefined) return [];
      return this.#fail({
        code: "bad_gateway",
        message: `the provider sent a stream event that is not JSON: ${frame.data.slice(0, 200)}`,
      });
    }
    if (frame.event === "error" || (body.error !== undefined && body.error !== null)) {
      const holder = asObject(body.error) === undefined && body.error === undefined ? { error: body } : body;
      const status = asNumber(asObject(holder.error)?.code) ?? asNumber(asObject(holder.error)?.status_code) ?? 500;
      return this.#fail(failureOf(holder, status >= 400 && status < 600 ? status : 500, frame.data));
    }
    return this.read(body, false);
  }

  /** One chunk, or a whole answer whose choices have a `message`. */
  read(body: JsonObject, whole: boolean): StreamEvent[] {
    const events: StreamEvent[] = [];
    if (!this.#started) {
      this.#started = true;
      this.#id = asString(body.id) ?? "";
      events.push(startOf(body));
    }
    this.#usage = usageOf(body) ?? this.#usage;
    for (const [name, value] of Object.entries(body)) {
      if (!TOP_FIELDS.has(name) && value !== undefined && value !== null) this.#extensions[name] = value;
    }
    const citations = asArray(body.citations);
    if (citations.length > 0) this.#sources = citations.flatMap((url) => (typeof url === "string" ? [{ url }] : []));
    for (const [position, choice] of asArray(body.choices).entries()) {
      if (isObject(choice)) this.#readChoice(choice, asNumber(choice.index) ?? position, whole, events);
    }
    if (whole) this.#complete = true;
    return events;
  }

  end(): StreamEvent[] {
    return this.#failed || this.#finished ? [] : this.#finish();
  }

  /** Ends what is open and says how each choice ended; a stream without any word of it was cut off. */
  #finish(): StreamEvent[] {
    this.#finished = true;
    const events: StreamEvent[] = [];
    let cut = this.#choices.size === 0;
    for (const [index, choice] of this.#choices) {
      this.#citeSources(choice, index, events);
      this.#closeAll(choice, index, events);
      if (choice.raw === undefined && !this.#complete) {
        cut = true;
        continue;
      }
      events.push({
        type: "finish",
        choice: index,
        reason: decodeFinish(choice.raw, choice.calls.length > 0),
        ...(choice.raw === undefined ? {} : { raw: choice.raw }),
      });
    }
    if (Object.keys(this.#extensions).length > 0) {
      events.push({ type: "extensions", extensions: { format: "openai-chat", fields: this.#extensions } });
    }
    if (this.#usage !== undefined) events.push({ type: "usage", usage: this.#usage });
    if (cut)
      events.push(
        ...this.#fail({ code: "api_connection", message: "the stream ended before the answer was complete" }),
      );
    return events;
  }

  #fail(error: UpstreamFailure): StreamEvent[] {
    this.#failed = true;
    return [{ type: "error", error }];
  }

  #choice(index: number): OpenChoice {
    let choice = this.#choices.get(index);
    if (choice === undefined) {
      choice = {
        next: 0,
        open: undefined,
        audio: undefined,
        calls: [],
        lastText: undefined,
        lastThinking: undefined,
        cited: false,
        raw: undefined,
      };
      this.#choices.set(index, choice);
    }
    return choice;
  }

  #readChoice(wire: JsonObject, index: number, whole: boolean, events: StreamEvent[]): void {
    const choice = this.#choice(index);
    // Perplexity has both: in a stream the message is what came so far.
    const message = asObject(wire.message);
    const delta = asObject(wire.delta);
    const said = whole ? (message ?? delta) : (delta ?? message);
    if (said !== undefined) this.#readDelta(said, choice, index, events);
    else if (typeof wire.text === "string") this.#text(choice, index, wire.text, events);
    if (hasLogprobs(wire.logprobs)) events.push({ type: "logprobs", choice: index, logprobs: wire.logprobs as Json });
    const raw = asString(wire.finish_reason);
    if (raw !== undefined && raw !== "") choice.raw = raw;
  }

  #readDelta(delta: JsonObject, choice: OpenChoice, index: number, events: StreamEvent[]): void {
    this.#reasoning(delta, choice, index, events);
    this.#content(delta.content, choice, index, events);
    for (const signature of asArray(asObject(delta.provider_specific_fields)?.thought_signatures)) {
      if (typeof signature !== "string") continue;
      events.push({
        type: "sealed",
        choice: index,
        part: this.#textPart(choice, index, events),
        sealed: uncarry(signature, "gemini"),
      });
    }
    const refusal = asString(delta.refusal);
    if (refusal !== undefined && refusal !== "") this.#put(choice, index, "refusal", refusal, events);
    for (const image of asArray(delta.images)) {
      const url = asString(asObject(asObject(image)?.image_url)?.url);
      if (url === undefined) continue;
      this.#close(choice, index, events);
      events.push({
        type: "part",
        choice: index,
        part: choice.next++,
        value: { type: "image", source: mediaSource(url) },
      });
    }
    this.#audio(asObject(delta.audio), choice, index, events);
    for (const [position, call] of asArray(delta.tool_calls).entries()) {
      if (isObject(call)) this.#call(call, choice, index, position, events);
    }
    const legacy = asObject(delta.function_call);
    if (legacy !== undefined && (asString(legacy.name) ?? asString(legacy.arguments) ?? "") !== "")
      this.#call({ index: 0, function: legacy }, choice, index, 0, events);
    for (const annotation of asArray(delta.annotations)) {
      const citation = citationOf(asObject(annotation));
      if (citation === undefined) continue;
      choice.cited = true;
      events.push({ type: "citation", choice: index, part: this.#textPart(choice, index, events), citation });
    }
  }

  /** Reasoning under any of its names; a signature ends its part. */
  #reasoning(delta: JsonObject, choice: OpenChoice, index: number, events: StreamEvent[]): void {
    for (const { text, sealed, hidden } of reasoningPieces(delta, this.#context.owner)) {
      if (hidden === true && sealed !== undefined) {
        this.#close(choice, index, events);
        const value = { type: "thinking", text: "", redacted: true, sealed } as const;
        events.push({ type: "part", choice: index, part: choice.next++, value });
        continue;
      }
      if (text !== "") this.#put(choice, index, "thinking", text, events);
      if (sealed !== undefined) this.#seal(choice, index, sealed, events);
    }
  }

  #seal(choice: OpenChoice, index: number, sealed: { owner: string; value: string }, events: StreamEvent[]): void {
    if (choice.open?.kind !== "thinking") this.#open(choice, index, "thinking", events);
    events.push({ type: "sealed", choice: index, part: choice.open?.part ?? 0, sealed });
    this.#close(choice, index, events);
  }

  #content(content: Json | undefined, choice: OpenChoice, index: number, events: StreamEvent[]): void {
    if (typeof content === "string") {
      this.#text(choice, index, content, events);
      return;
    }
    if (isObject(content)) {
      // A JSON answer that the server did not write out as text.
      this.#text(choice, index, JSON.stringify(content), events);
      return;
    }
    for (const part of asArray(content)) {
      const object = asObject(part);
      if (object === undefined) continue;
      switch (object.type) {
        case "thinking":
        case "reasoning": {
          const pieces = asArray(object.thinking ?? object.summary ?? object.content);
          const text =
            asString(object.thinking) ?? pieces.map((piece) => asString(asObject(piece)?.text) ?? "").join("");
          if (text !== "") this.#put(choice, index, "thinking", text, events);
          for (const holder of [object, ...pieces.filter(isObject)]) {
            const signature = asString(holder.signature);
            if (signature !== undefined && signature !== "")
              this.#seal(choice, index, uncarry(signature, "anthropic"), events);
          }
          break;
        }
        case "image_url": {
          const url = asString(asObject(object.image_url)?.url);
          if (url === undefined) break;
          this.#close(choice, index, events);
          events.push({
            type: "part",
            choice: index,
            part: choice.next++,
            value: { type: "image", source: mediaSource(url) },
          });
          break;
        }
        case "tool_use":
          // Snowflake repeats its calls here in Anthropic's words.
          break;
        default:
          if (typeof object.text === "string") this.#text(choice, index, object.text, events);
      }
    }
  }

  #text(choice: OpenChoice, index: number, text: string, events: StreamEvent[]): void {
    if (text === "") return;
    this.#put(choice, index, "text", text, events);
  }

  #put(choice: OpenChoice, index: number, kind: OpenKind, text: string, events: StreamEvent[]): void {
    if (choice.open?.kind !== kind) this.#open(choice, index, kind, events);
    events.push({ type: "delta", choice: index, part: choice.open?.part ?? 0, text });
  }

  #open(choice: OpenChoice, index: number, kind: OpenKind, events: StreamEvent[]): void {
    this.#close(choice, index, events);
    const part = choice.next++;
    choice.open = { part, kind };
    if (kind === "text") choice.lastText = part;
    events.push({ type: "part-start", choice: index, part, kind });
  }

  #textPart(choice: OpenChoice, index: number, events: StreamEvent[]): number {
    if (choice.lastText === undefined) this.#open(choice, index, "text", events);
    return choice.lastText ?? 0;
  }

  #close(choice: OpenChoice, index: number, events: StreamEvent[]): void {
    if (choice.open === undefined) return;
    events.push({ type: "part-end", choice: index, part: choice.open.part });
    choice.open = undefined;
  }

  #audio(audio: JsonObject | undefined, choice: OpenChoice, index: number, events: StreamEvent[]): void {
    const id = asString(audio?.id);
    if (audio === undefined || (choice.audio === undefined && (id ?? "") === "" && (asString(audio.data) ?? "") === ""))
      return;
    if (choice.audio === undefined) {
      this.#close(choice, index, events);
      choice.audio = choice.next++;
      const format = this.#context.request?.audioOutput?.format;
      events.push({
        type: "part-start",
        choice: index,
        part: choice.audio,
        kind: "audio",
        ...(id === undefined ? {} : { id }),
        ...(format === undefined ? {} : { format }),
      });
    }
    const data = asString(audio.data);
    const transcript = asString(audio.transcript);
    const expiresAt = asNumber(audio.expires_at);
    if (data === undefined && transcript === undefined && expiresAt === undefined) return;
    events.push({
      type: "audio-delta",
      choice: index,
      part: choice.audio,
      ...(data === undefined ? {} : { data }),
      ...(transcript === undefined ? {} : { transcript }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
  }

  #call(wire: JsonObject, choice: OpenChoice, index: number, position: number, events: StreamEvent[]): void {
    const custom = wire.type === "custom" || wire.function === undefined ? asObject(wire.custom) : undefined;
    const fn = custom ?? asObject(wire.function);
    const { id, signature: embedded } = splitThought(asString(wire.id) ?? "");
    const name = asString(fn?.name) ?? "";
    const call = this.#callFor(choice, wire, id, name, position);
    if (call.ended) return;
    if (custom !== undefined) call.custom = true;
    if (call.id === "") call.id = id;
    if (call.name === "") call.name = name;
    const value = custom === undefined ? fn?.arguments : custom.input;
    const text = value === undefined || value === null ? "" : argumentText(value);
    if (call.part === undefined && call.name !== "") {
      this.#close(choice, index, events);
      call.part = choice.next++;
      if (call.id === "") call.id = inventedId(this.#id, index, choice.calls.indexOf(call));
      events.push({
        type: "part-start",
        choice: index,
        part: call.part,
        kind: "tool-call",
        id: call.id,
        name: call.name,
        ...(call.custom ? { toolKind: "custom" as const } : {}),
      });
    }
    if (text !== "") call.hasArguments = true;
    call.waiting += text;
    if (call.part !== undefined && call.waiting !== "") {
      events.push({ type: "delta", choice: index, part: call.part, text: call.waiting });
      call.waiting = "";
    }
    const fields = asObject(wire.provider_specific_fields) ?? asObject(fn?.provider_specific_fields);
    const google = asObject(asObject(wire.extra_content)?.google);
    const signature = asString(fields?.thought_signature) ?? asString(google?.thought_signature) ?? embedded;
    if (signature !== undefined && call.part !== undefined) {
      events.push({ type: "sealed", choice: index, part: call.part, sealed: uncarry(signature, "gemini") });
    }
  }

  /** Servers number calls, or not; some number all of them 0 and tell them apart by id. */
  #callFor(choice: OpenChoice, wire: JsonObject, id: string, name: string, position: number): OpenCall {
    const number = asNumber(wire.index);
    const last = choice.calls.at(-1);
    let found: OpenCall | undefined;
    if (number !== undefined) {
      found = choice.calls.findLast((call) => call.key === String(number));
      if (found !== undefined && id !== "" && found.id !== "" && id !== found.id && name !== "") found = undefined;
    } else if (id !== "") {
      found = choice.calls.find((call) => call.id === id);
    } else if (name === "" || (last !== undefined && last.name === "")) {
      found = last;
    }
    if (found !== undefined) return found;
    const call: OpenCall = {
      key: String(number ?? `#${choice.calls.length}/${position}`),
      part: undefined,
      id: "",
      name: "",
      waiting: "",
      hasArguments: false,
      custom: false,
      ended: false,
    };
    choice.calls.push(call);
    return call;
  }

  #closeAll(choice: OpenChoice, index: number, events: StreamEvent[]): void {
    this.#close(choice, index, events);
    if (choice.audio !== undefined) events.push({ type: "part-end", choice: index, part: choice.audio });
    for (const call of choice.calls) {
      if (call.part === undefined || call.ended) continue;
      call.ended = true;
      if (!call.hasArguments && !call.custom)
        events.push({ type: "delta", choice: index, part: call.part, text: "{}" });
      events.push({ type: "part-end", choice: index, part: call.part });
    }
  }

  /** Perplexity names its sources beside the choices; they belong to the text. */
  #citeSources(choice: OpenChoice, index: number, events: StreamEvent[]): void {
    if (choice.cited || choice.lastText === undefined) return;
    for (const citation of this.#sources)
      events.push({ type: "citation", choice: index, part: choice.lastText, citation });
  }
}

/** Some servers fill the object with nulls. */
function hasLogprobs(logprobs: Json | undefined): boolean {
  return isObject(logprobs) && Object.values(logprobs).some((value) => value !== null);
}

function startOf(body: JsonObject): StreamEvent {
  const id = asString(body.id);
  const model = asString(body.model);
  const created = asNumber(body.created);
  const fingerprint = asString(body.system_fingerprint);
  const tier = asString(body.service_tier);
  return {
    type: "start",
    ...(id === undefined || id === "" ? {} : { id }),
    ...(model === undefined || model === "" ? {} : { model }),
    ...(created === undefined ? {} : { created }),
    ...(fingerprint === undefined ? {} : { systemFingerprint: fingerprint }),
    ...(tier === undefined ? {} : { serviceTier: tier }),
  };
}

/** An id for a call that came without one, the same whether the answer streams or not. */
function inventedId(answer: string, choice: number, call: number): string {
  return `call_${answer.replace(/\W/g, "").slice(-16) || "0"}_${choice}_${call}`;
}
