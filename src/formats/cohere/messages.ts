import { isObject, type Json, type JsonObject, type MutableJsonObject, parseJson } from "../../json/json.ts";
import type { Message, Part, Role, ThinkingPart, ToolCallPart, ToolResultPart } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { encodeMediaUrl } from "./media-url.ts";
import { encodeCall } from "./response.ts";

/** Turns messages into Cohere's, and collects what Cohere wants beside them. */
export class MessageEncoder {
  readonly #context: RequestContext;
  /** Texts that came as files: Cohere grounds its answers on these and cites them. */
  readonly documents: JsonObject[] = [];

  constructor(context: RequestContext) {
    this.#context = context;
  }

  encode(messages: readonly Message[]): JsonObject[] {
    return messages.flatMap((message) => this.#message(message));
  }

  #message(message: Message): JsonObject[] {
    const results = message.parts.filter((part) => part.type === "tool-result");
    const others = message.parts.filter((part) => part.type !== "tool-result");
    const native = message.native?.format === "cohere" ? message.native.value : {};
    const wire = results.map((result) => this.#result(result, others.length === 0 ? native : {}));
    if (others.length === 0 && results.length > 0) return wire;
    const turn =
      message.role === "assistant" ? this.#assistant(others, native) : this.#turn(message.role, others, native);
    return [...wire, ...turn];
  }

  #turn(role: Role, parts: readonly Part[], native: JsonObject): JsonObject[] {
    const blocks = parts.flatMap((part) => this.#block(part));
    if (blocks.length === 0 && parts.length > 0) return [];
    return [{ ...native, role: role === "developer" ? "system" : role, content: plain(blocks) }];
  }

  #assistant(parts: readonly Part[], native: JsonObject): JsonObject[] {
    const calls = parts.filter((part) => part.type === "tool-call");
    const plans: string[] = [];
    const blocks: JsonObject[] = [];
    for (const part of parts) {
      if (part.type === "tool-call") continue;
      if (part.type !== "thinking") {
        // Beside calls an empty text says nothing; alone it is the turn.
        if (part.type === "text" && part.text === "" && calls.length > 0) continue;
        blocks.push(...this.#block(part));
      } else if (part.redacted === true || part.text === "") {
        this.#dropped("messages.thinking", "hidden thinking belongs to the model that wrote it");
      } else if (this.#isPlan(part, calls.length > 0)) plans.push(part.text);
      else if (this.#context.capabilities.reasoning === false) {
        this.#dropped("messages.thinking", "the model does not think");
      } else blocks.push({ type: "thinking", thinking: part.text });
    }
    if (blocks.length === 0 && calls.length === 0 && parts.length > 0) return [];
    const message: MutableJsonObject = { ...native, role: "assistant" };
    if (blocks.length > 0 || calls.length === 0) message.content = plain(blocks);
    if (plans.length > 0) message.tool_plan = plans.join("\n");
    if (calls.length > 0) message.tool_calls = calls.map((call) => this.#call(call));
    return [message];
  }

  /**
   * Models that think refuse a `tool_plan` in the history, the older ones know nothing else. What the client itself
   * called a plan stays one.
   */
  #isPlan(part: ThinkingPart, withCalls: boolean): boolean {
    if (part.native?.format === "cohere" && part.native.value.type === "tool_plan") return true;
    return withCalls && this.#context.capabilities.reasoning !== true;
  }

  #call(part: ToolCallPart): JsonObject {
    const text = part.kind === "custom" ? JSON.stringify({ input: part.arguments }) : part.arguments;
    return encodeCall(part.id, part.name, text);
  }

  #result(part: ToolResultPart, native: JsonObject): JsonObject {
    if (part.isError === true) this.#dropped("messages.is_error", "Cohere's tool results cannot be marked as errors");
    const blocks = part.content.flatMap((item): JsonObject[] => {
      if (item.type !== "text" && item.type !== "opaque") {
        this.#unsupported(item.type, "Cohere's tool results hold text and documents");
        return [];
      }
      return this.#block(item);
    });
    return { ...native, role: "tool", tool_call_id: part.callId, content: plain(blocks) };
  }

  #block(part: Part): JsonObject[] {
    switch (part.type) {
      case "text":
        if (part.native?.format === "cohere" && part.native.value.type === "document") return [part.native.value];
        return [{ type: "text", text: part.text }];
      case "refusal":
        return [{ type: "text", text: part.text }];
      case "image": {
        const url = encodeMediaUrl(part.source);
        if (url === undefined) {
          this.#unsupported("image", "Cohere takes images as web address or base64");
          return [];
        }
        return [
          { type: "image_url", image_url: { url, ...(part.detail === undefined ? {} : { detail: part.detail }) } },
        ];
      }
      case "file":
        if (part.source.type === "text") {
          this.documents.push(documentOf(part.source.text, part.filename, this.documents.length));
          this.#context.report.converted("messages.file", "text files go to Cohere as documents");
          return [];
        }
        this.#unsupported("file", "Cohere takes text documents only");
        return [];
      case "audio":
        if (part.transcript !== undefined) return [{ type: "text", text: part.transcript }];
        this.#unsupported("audio", "Cohere takes no sound");
        return [];
      case "video":
        this.#unsupported("video", "Cohere takes no video");
        return [];
      case "thinking":
        this.#dropped("messages.thinking", "only the assistant thinks");
        return [];
      case "opaque":
        if (part.format === "cohere") return [part.value];
        this.#dropped("messages", `a block that only ${part.format} knows`);
        return [];
      default:
        return [];
    }
  }

  #dropped(parameter: string, reason: string): void {
    this.#context.report.dropped(parameter, reason);
  }

  #unsupported(kind: string, reason: string): void {
    this.#context.report.unsupported(`messages.${kind}`, reason);
  }
}

/** Text alone needs no list. */
function plain(blocks: readonly JsonObject[]): Json {
  const [only] = blocks;
  if (only === undefined) return "";
  return blocks.length === 1 && only.type === "text" ? (only.text as string) : blocks;
}

/** An object's members are the document's own; anything else is its text. */
function documentOf(text: string, filename: string | undefined, index: number): JsonObject {
  const parsed = text.startsWith("{") ? parseJson(text) : undefined;
  const data = isObject(parsed) ? parsed : { text };
  return { id: `doc:${index}`, data: { ...(filename === undefined ? {} : { title: filename }), ...data } };
}
