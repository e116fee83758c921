import type { GatewayError } from "../../errors/gateway-error.ts";
import type { Json, JsonObject } from "../../json/json.ts";
import { sseFrame } from "../../upstream/sse.ts";
import type { Usage } from "../../usage/usage.ts";
import type { Sealed, StreamEvent, ThinkingPart } from "../conversation.ts";
import type { AnswerContext, StreamEncoder } from "../format.ts";
import { carry } from "../sealed.ts";
import { annotationOf } from "./annotations.ts";
import { encodeError } from "./errors.ts";
import { encodeFinish } from "./finish.ts";
import { clientCallId } from "./messages-encode.ts";
import { imageOf, thinkingBlock } from "./response.ts";
import { encodeUsage } from "./usage.ts";

type CallStart = Extract<StreamEvent, { type: "part-start"; kind: "tool-call" }>;

interface OpenPart {
  readonly kind: string;
  /** Of a tool call: its number among the choice's calls. */
  readonly call?: number;
  readonly id?: string;
  readonly custom?: boolean;
  /** Of thinking: its text is signed. */
  readonly signed?: boolean;
}

/** Chunks as OpenAI sends them: one id and time throughout, the role first, then the pieces, the reason, the usage. */
export class ChatStreamEncoder implements StreamEncoder {
  readonly #context: AnswerContext;
  readonly #parts = new Map<string, OpenPart>();
  readonly #calls = new Map<number, number>();
  readonly #greeted = new Set<number>();
  #head: JsonObject | undefined;
  #extensions: JsonObject | undefined;
  #usage: Usage | undefined;
  /** A call that has begun. It waits for the next event: a signature must stand in the id that its first chunk says. */
  #held: CallStart | undefined;
  /** OpenAI's own reasoning by choice and part: it is sealed anew at the end of a stream, and only the last value counts. */
  readonly #reasoning = new Map<string, ThinkingPart>();

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: StreamEvent): string {
    if (this.#held === undefined) return this.#push(event);
    if (event.type === "sealed" && event.choice === this.#held.choice && event.part === this.#held.part)
      return this.#release(event.sealed);
    return this.#release(undefined) + this.#push(event);
  }

  #push(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        this.#head = headOf(this.#context, event);
        return "";
      case "part-start":
        return this.#start(event);
      case "delta":
        return this.#delta(event.choice, this.#parts.get(`${event.choice}/${event.part}`), event.text);
      case "audio-delta":
        return this.#chunk(event.choice, {
          audio: {
            ...(event.data === undefined ? {} : { data: event.data }),
            ...(event.transcript === undefined ? {} : { transcript: event.transcript }),
            ...(event.expiresAt === undefined ? {} : { expires_at: event.expiresAt }),
          },
        });
      case "sealed":
        return this.#sealed(event.choice, event.part, event.sealed);
      case "citation":
        return this.#chunk(event.choice, { annotations: [annotationOf(event.citation)] });
      case "resealed":
        return this.#reseal(`${event.choice}/${event.part}`, event.sealed);
      case "part":
        if (event.value.type === "image") return this.#chunk(event.choice, { images: [imageOf(event.value)] });
        return event.value.type === "thinking" ? this.#block(event.choice, event.part, event.value) : "";
      case "logprobs":
        return this.#write([
          { index: event.choice, delta: this.#greeting(event.choice), logprobs: event.logprobs, finish_reason: null },
        ]);
      case "finish":
        return (
          this.#blocks(event.choice) +
          this.#write([
            { index: event.choice, delta: this.#greeting(event.choice), finish_reason: encodeFinish(event.reason) },
          ])
        );
      case "usage":
        this.#usage = event.usage;
        return "";
      case "extensions":
        if (event.extensions.format === "openai-chat")
          this.#extensions = { ...this.#extensions, ...event.extensions.fields };
        return "";
      default:
        return "";
    }
  }

  end(): string {
    let text = this.#release(undefined);
    const extras = this.#extensions ?? {};
    if (this.#context.request.includeUsage === true && this.#usage !== undefined) {
      text += sseFrame(
        JSON.stringify({ ...this.#identity(), choices: [], usage: encodeUsage(this.#usage), ...extras }),
      );
    } else if (this.#extensions !== undefined) {
      text += sseFrame(JSON.stringify({ ...this.#identity(), choices: [], ...extras }));
    }
    return `${text}data: [DONE]\n\n`;
  }

  error(error: GatewayError): string {
    return this.#release(undefined) + sseFrame(JSON.stringify(encodeError(error, undefined)));
  }

  #start(event: Extract<StreamEvent, { type: "part-start" }>): string {
    const key = `${event.choice}/${event.part}`;
    if (event.kind === "audio") {
      this.#parts.set(key, { kind: "audio" });
      return this.#chunk(event.choice, { audio: { ...(event.id === undefined ? {} : { id: event.id }) } });
    }
    if (event.kind !== "tool-call") {
      this.#parts.set(key, { kind: event.kind, signed: event.kind === "thinking" && event.signed === true });
      return "";
    }
    this.#held = event;
    return "";
  }

  /** The first chunk of the call that is held, with its signature where it has one. */
  #release(sealed: Sealed | undefined): string {
    const event = this.#held;
    if (event === undefined) return "";
    this.#held = undefined;
    const call = this.#calls.get(event.choice) ?? 0;
    this.#calls.set(event.choice, call + 1);
    const custom = event.toolKind === "custom";
    const id = sealed === undefined ? event.id : clientCallId({ id: event.id, sealed });
    this.#parts.set(`${event.choice}/${event.part}`, { kind: "tool-call", call, id, custom });
    const body: JsonObject = custom
      ? { type: "custom", custom: { name: event.name, input: "" } }
      : { type: "function", function: { name: event.name, arguments: "" } };
    const seal =
      sealed === undefined ? {} : { provider_specific_fields: { thought_signature: carry(sealed, "gemini") } };
    return this.#chunk(event.choice, { tool_calls: [{ index: call, id, ...body, ...seal }] });
  }

  #delta(choice: number, part: OpenPart | undefined, text: string): string {
    if (text === "") return "";
    switch (part?.kind) {
      case "thinking":
        return this.#chunk(choice, {
          reasoning_content: text,
          // As LiteLLM does: a client that joins the blocks up to a signature has what was signed.
          ...(part.signed === true ? { thinking_blocks: [{ type: "thinking", thinking: text }] } : {}),
        });
      case "refusal":
        return this.#chunk(choice, { refusal: text });
      case "tool-call":
        return this.#chunk(choice, {
          tool_calls: [
            {
              index: part.call,
              ...(part.custom === true ? { custom: { input: text } } : { function: { arguments: text } }),
            },
          ],
        });
      default:
        return this.#chunk(choice, { content: text });
    }
  }

  /** Signatures: of thinking in LiteLLM's `thinking_blocks`, of calls beside them. */
  #sealed(choice: number, index: number, sealed: Sealed): string {
    const part = this.#parts.get(`${choice}/${index}`);
    if (part?.kind === "thinking") return this.#block(choice, index, { type: "thinking", text: "", sealed });
    if (part?.kind !== "tool-call") {
      return this.#chunk(choice, { provider_specific_fields: { thought_signatures: [carry(sealed, "gemini")] } });
    }
    const id = clientCallId({ id: part.id ?? "", sealed });
    return this.#chunk(choice, {
      tool_calls: [
        {
          index: part.call,
          ...(id === part.id ? {} : { id }),
          // Clients that check their chunks want a function in each of them.
          ...(part.custom === true ? {} : { function: { arguments: "" } }),
          provider_specific_fields: { thought_signature: carry(sealed, "gemini") },
        },
      ],
    });
  }

  #block(choice: number, index: number, part: ThinkingPart): string {
    if (part.sealed?.owner !== "openai") return this.#chunk(choice, { thinking_blocks: [thinkingBlock(part)] });
    this.#reasoning.set(`${choice}/${index}`, part);
    return "";
  }

  #reseal(key: string, sealed: Sealed): string {
    const part = this.#reasoning.get(key);
    if (part !== undefined) this.#reasoning.set(key, { ...part, sealed });
    return "";
  }

  /** The sealed reasoning that waited for its last value. */
  #blocks(choice: number): string {
    const keys = [...this.#reasoning.keys()].filter((key) => key.startsWith(`${choice}/`));
    if (keys.length === 0) return "";
    const parts = keys.flatMap((key) => this.#reasoning.get(key) ?? []);
    for (const key of keys) this.#reasoning.delete(key);
    return this.#chunk(choice, { thinking_blocks: parts.map(thinkingBlock) });
  }

  #chunk(choice: number, delta: JsonObject): string {
    return this.#write([{ index: choice, delta: { ...this.#greeting(choice), ...delta }, finish_reason: null }]);
  }

  /** The first delta of a choice says whose turn it is. */
  #greeting(choice: number): JsonObject {
    if (this.#greeted.has(choice)) return {};
    this.#greeted.add(choice);
    return { role: "assistant" };
  }

  #write(choices: readonly Json[]): string {
    return sseFrame(JSON.stringify({ ...this.#identity(), choices }));
  }

  #identity(): JsonObject {
    this.#head ??= headOf(this.#context, undefined);
    return this.#head;
  }
}

function headOf(context: AnswerContext, start: Extract<StreamEvent, { type: "start" }> | undefined): JsonObject {
  return {
    id: start?.id ?? context.fallbackId,
    object: "chat.completion.chunk",
    created: start?.created ?? context.now,
    model: context.model,
    ...(start?.systemFingerprint === undefined ? {} : { system_fingerprint: start.systemFingerprint }),
    ...(start?.serviceTier === undefined ? {} : { service_tier: start.serviceTier }),
  };
}
