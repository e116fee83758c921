import { asArray, asObject, type Json } from "../json/json.ts";
import type { Usage } from "../usage/usage.ts";
import type {
  Choice,
  Citation,
  ConversationResponse,
  Extensions,
  FinishReason,
  Part,
  Sealed,
  StreamEvent,
} from "./conversation.ts";

interface OpenPart {
  kind: "text" | "thinking" | "refusal" | "tool-call" | "audio" | "whole";
  text: string;
  id?: string;
  name?: string;
  toolKind?: "function" | "custom";
  native?: NonNullable<Part["native"]>;
  format?: string;
  audio: string[];
  transcript: string;
  expiresAt?: number;
  sealed?: Sealed;
  citations: Citation[];
  whole?: Part;
}

interface OpenChoice {
  parts: OpenPart[];
  finish: FinishReason | undefined;
  raw?: string;
  stopSequence?: string;
  logprobs?: { content: Json[]; refusal: Json[] };
}

/** The answer that a stream adds up to: what streams must equal what the non-streaming answer says. */
export function assemble(events: Iterable<StreamEvent>): ConversationResponse {
  const choices = new Map<number, OpenChoice>();
  let head: Extract<StreamEvent, { type: "start" }> | undefined;
  let usage: Usage | undefined;
  let extensions: Extensions | undefined;

  const choiceOf = (index: number): OpenChoice => {
    const known = choices.get(index);
    if (known !== undefined) return known;
    const fresh: OpenChoice = { parts: [], finish: undefined };
    choices.set(index, fresh);
    return fresh;
  };
  const partOf = (choice: number, part: number): OpenPart => {
    const parts = choiceOf(choice).parts;
    const open = parts[part] ?? { kind: "text", text: "", audio: [], transcript: "", citations: [] };
    parts[part] = open;
    return open;
  };

  for (const event of events) {
    switch (event.type) {
      case "start":
        head = event;
        usage ??= event.usage;
        break;
      case "part-start": {
        const part = partOf(event.choice, event.part);
        part.kind = event.kind;
        if (event.kind !== "audio" && event.native !== undefined) part.native = event.native;
        if (event.kind === "tool-call") {
          part.id = event.id;
          part.name = event.name;
          if (event.toolKind !== undefined) part.toolKind = event.toolKind;
        } else if (event.kind === "audio") {
          if (event.id !== undefined) part.id = event.id;
          if (event.format !== undefined) part.format = event.format;
        }
        break;
      }
      case "delta":
        partOf(event.choice, event.part).text += event.text;
        break;
      case "audio-delta": {
        const part = partOf(event.choice, event.part);
        if (event.data !== undefined) part.audio.push(event.data);
        if (event.transcript !== undefined) part.transcript += event.transcript;
        if (event.expiresAt !== undefined) part.expiresAt = event.expiresAt;
        break;
      }
      case "sealed":
        partOf(event.choice, event.part).sealed = event.sealed;
        break;
      case "resealed": {
        const part = partOf(event.choice, event.part);
        if (part.whole !== undefined && "sealed" in part.whole) part.whole = { ...part.whole, sealed: event.sealed };
        else part.sealed = event.sealed;
        break;
      }
      case "citation":
        partOf(event.choice, event.part).citations.push(event.citation);
        break;
      case "part":
        partOf(event.choice, event.part).kind = "whole";
        partOf(event.choice, event.part).whole = event.value;
        break;
      case "logprobs": {
        const choice = choiceOf(event.choice);
        choice.logprobs ??= { content: [], refusal: [] };
        choice.logprobs.content.push(...asArray(asObject(event.logprobs)?.content));
        choice.logprobs.refusal.push(...asArray(asObject(event.logprobs)?.refusal));
        break;
      }
      case "finish": {
        const choice = choiceOf(event.choice);
        choice.finish = event.reason;
        if (event.raw !== undefined) choice.raw = event.raw;
        if (event.stopSequence !== undefined) choice.stopSequence = event.stopSequence;
        break;
      }
      case "usage":
        usage = event.usage;
        break;
      case "extensions":
        extensions = {
          format: event.extensions.format,
          fields: { ...extensions?.fields, ...event.extensions.fields },
        };
        break;
      case "part-end":
      case "ping":
      case "error":
        break;
    }
  }

  return {
    ...(head?.id === undefined ? {} : { id: head.id }),
    ...(head?.created === undefined ? {} : { created: head.created }),
    ...(head?.model === undefined ? {} : { model: head.model }),
    ...(head?.systemFingerprint === undefined ? {} : { systemFingerprint: head.systemFingerprint }),
    ...(head?.serviceTier === undefined ? {} : { serviceTier: head.serviceTier }),
    choices: [...choices].sort(([a], [b]) => a - b).map(([index, choice]) => closeChoice(index, choice)),
    ...(usage === undefined ? {} : { usage }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

function closeChoice(index: number, choice: OpenChoice): Choice {
  return {
    index,
    parts: choice.parts.filter((part) => part !== undefined).map(closePart),
    finish: choice.finish ?? "error",
    ...(choice.raw === undefined ? {} : { rawFinish: choice.raw }),
    ...(choice.stopSequence === undefined ? {} : { stopSequence: choice.stopSequence }),
    ...(choice.logprobs === undefined
      ? {}
      : {
          logprobs: {
            content: choice.logprobs.content.length > 0 ? choice.logprobs.content : null,
            refusal: choice.logprobs.refusal.length > 0 ? choice.logprobs.refusal : null,
          },
        }),
  };
}

function closePart(part: OpenPart): Part {
  const sealed = part.sealed === undefined ? {} : { sealed: part.sealed };
  const native = part.native === undefined ? {} : { native: part.native };
  switch (part.kind) {
    case "whole":
      return part.whole as Part;
    case "text":
      return {
        type: "text",
        text: part.text,
        ...(part.citations.length > 0 ? { citations: part.citations } : {}),
        ...sealed,
        ...native,
      };
    case "thinking":
      return { type: "thinking", text: part.text, ...sealed, ...native };
    case "refusal":
      return { type: "refusal", text: part.text, ...native };
    case "tool-call":
      return {
        type: "tool-call",
        id: part.id ?? "",
        name: part.name ?? "",
        arguments: part.text,
        ...(part.toolKind === undefined ? {} : { kind: part.toolKind }),
        ...native,
        ...sealed,
      };
    case "audio":
      return {
        type: "audio",
        source: { type: "base64", data: part.audio.join(""), mediaType: `audio/${part.format ?? "pcm16"}` },
        ...(part.id === undefined ? {} : { id: part.id }),
        ...(part.format === undefined ? {} : { format: part.format }),
        ...(part.transcript === "" ? {} : { transcript: part.transcript }),
        ...(part.expiresAt === undefined ? {} : { expiresAt: part.expiresAt }),
      };
  }
}
