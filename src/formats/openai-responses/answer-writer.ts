import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Extensions, StreamEvent } from "../conversation.ts";
import type { AnswerContext } from "../format.ts";
import { encodeFinish } from "./finish.ts";
import { OutputWriter } from "./output-writer.ts";
import { PartQueue } from "./part-queue.ts";
import { echo } from "./response-members.ts";
import { encodeUsage } from "./usage.ts";
import { FORMAT } from "./wire.ts";

/** Takes one event of the wire: its type and its members without type and sequence number. */
export type EmitEvent = (type: string, members: JsonObject) => void;

/** Builds an answer from the conversation's events and tells every step of it. */
export class AnswerWriter {
  readonly #context: AnswerContext;
  readonly #emit: EmitEvent;
  readonly #queue: PartQueue;
  #output: OutputWriter | undefined;
  #start: Extract<StreamEvent, { type: "start" }> = { type: "start" };
  #finish: Extract<StreamEvent, { type: "finish" }> | undefined;
  #usage: Usage | undefined;
  #extensions: Extensions | undefined;

  constructor(context: AnswerContext, emit: EmitEvent) {
    this.#context = context;
    this.#emit = emit;
    this.#queue = new PartQueue((event) => this.#opened().push(event));
  }

  /** Whether the client has been told that an answer begins. */
  get begun(): boolean {
    return this.#output !== undefined;
  }

  push(event: StreamEvent): void {
    if ("choice" in event && event.choice !== 0) return;
    switch (event.type) {
      case "start":
        this.#start = event;
        return;
      case "finish":
        this.#finish = event;
        return;
      case "usage":
        this.#usage = event.usage;
        return;
      case "extensions":
        this.#extensions = {
          format: event.extensions.format,
          fields: { ...this.#extensions?.fields, ...event.extensions.fields },
        };
        return;
      case "ping":
      case "error":
        return;
      default:
        this.#queue.push(event);
    }
  }

  /** Ends what is open and the answer; returns the answer. */
  finish(): JsonObject {
    const end = encodeFinish(this.#finish?.reason ?? "error", this.#finish?.raw);
    return this.#close(end, end.status === "completed" ? "completed" : "incomplete");
  }

  /** Ends the answer with an error. */
  fail(error: JsonObject): JsonObject {
    return this.#close({ status: "failed", error, incomplete_details: null }, "incomplete");
  }

  #close(end: JsonObject, itemStatus: "completed" | "incomplete"): JsonObject {
    const output = this.#opened();
    this.#queue.flush();
    const items = output.finish(itemStatus);
    const response = this.#response(end, items, this.#usage === undefined ? undefined : encodeUsage(this.#usage));
    this.#context.kept?.keep?.(response);
    const type = end.status === "incomplete" || end.status === "failed" ? end.status : "completed";
    this.#emit(`response.${type}`, { response });
    return response;
  }

  #opened(): OutputWriter {
    if (this.#output !== undefined) return this.#output;
    const { sampling } = this.#context.request;
    this.#output = new OutputWriter({
      answerId: this.#context.kept?.itemBase ?? this.#id(),
      emit: this.#emit,
      holdsDeltas: sampling.logprobs === true || sampling.topLogprobs !== undefined,
    });
    const response = this.#response({ status: "in_progress", error: null, incomplete_details: null }, [], undefined);
    this.#emit("response.created", { response });
    this.#emit("response.in_progress", { response });
    return this.#output;
  }

  #id(): string {
    const { id } = this.#start;
    const { kept } = this.#context;
    if (kept !== undefined) return kept.idFor(id);
    // Answers of this format's own are asked for again by their ids, which do not all begin alike.
    if (id !== undefined && (this.#extensions?.format === FORMAT || id.startsWith("resp_"))) return id;
    return `resp_${(id ?? this.#context.fallbackId).replace(/^chatcmpl-/, "")}`;
  }

  #response(end: JsonObject, output: readonly JsonObject[], usage: JsonObject | undefined): JsonObject {
    const tier = this.#usage?.serviceTier ?? this.#start.serviceTier;
    const own = this.#extensions?.format === FORMAT ? this.#extensions.fields : {};
    const repeated: MutableJsonObject = { ...echo(this.#context.request), ...own };
    if (tier !== undefined) repeated.service_tier = tier;
    const previous = this.#context.kept?.previousId;
    if (previous !== undefined) repeated.previous_response_id = previous;
    return {
      id: this.#id(),
      object: "response",
      created_at: this.#start.created ?? this.#context.now,
      model: this.#context.model,
      ...end,
      output,
      ...repeated,
      usage: usage ?? null,
    };
  }
}
