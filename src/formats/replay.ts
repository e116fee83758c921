import type { Choice, ConversationResponse, Part, StreamEvent } from "./conversation.ts";

/** The events by which a whole answer would have streamed: the inverse of `assemble`. */
export function replay(response: ConversationResponse): StreamEvent[] {
  const events: StreamEvent[] = [
    {
      type: "start",
      ...(response.id === undefined ? {} : { id: response.id }),
      ...(response.model === undefined ? {} : { model: response.model }),
      ...(response.created === undefined ? {} : { created: response.created }),
      ...(response.systemFingerprint === undefined ? {} : { systemFingerprint: response.systemFingerprint }),
      ...(response.serviceTier === undefined ? {} : { serviceTier: response.serviceTier }),
    },
  ];
  for (const choice of response.choices) replayChoice(choice, events);
  if (response.extensions !== undefined) events.push({ type: "extensions", extensions: response.extensions });
  if (response.usage !== undefined) events.push({ type: "usage", usage: response.usage });
  return events;
}

function replayChoice(choice: Choice, events: StreamEvent[]): void {
  choice.parts.forEach((part, index) => {
    replayPart(part, choice.index, index, events);
  });
  if (choice.logprobs !== undefined && choice.logprobs !== null) {
    events.push({ type: "logprobs", choice: choice.index, logprobs: choice.logprobs });
  }
  events.push({
    type: "finish",
    choice: choice.index,
    reason: choice.finish,
    ...(choice.rawFinish === undefined ? {} : { raw: choice.rawFinish }),
    ...(choice.stopSequence === undefined ? {} : { stopSequence: choice.stopSequence }),
  });
}

function replayPart(part: Part, choice: number, index: number, events: StreamEvent[]): void {
  const at = { choice, part: index };
  const sealed: StreamEvent[] =
    "sealed" in part && part.sealed !== undefined ? [{ type: "sealed", ...at, sealed: part.sealed }] : [];
  const native = part.native === undefined ? {} : { native: part.native };
  const delta = (text: string): StreamEvent[] => (text === "" ? [] : [{ type: "delta", ...at, text }]);
  switch (part.type) {
    case "text":
      events.push({ type: "part-start", ...at, kind: "text", ...native }, ...delta(part.text));
      for (const citation of part.citations ?? []) events.push({ type: "citation", ...at, citation });
      events.push(...sealed, { type: "part-end", ...at });
      return;
    case "thinking":
      if (part.redacted === true) {
        events.push({ type: "part", ...at, value: part });
        return;
      }
      events.push(
        { type: "part-start", ...at, kind: "thinking", ...(sealed.length > 0 ? { signed: true } : {}), ...native },
        ...delta(part.text),
        ...sealed,
        { type: "part-end", ...at },
      );
      return;
    case "refusal":
      events.push({ type: "part-start", ...at, kind: "refusal", ...native }, ...delta(part.text), {
        type: "part-end",
        ...at,
      });
      return;
    case "tool-call":
      events.push(
        {
          type: "part-start",
          ...at,
          kind: "tool-call",
          id: part.id,
          name: part.name,
          ...(part.kind === undefined ? {} : { toolKind: part.kind }),
          ...native,
        },
        ...sealed,
        ...delta(part.arguments),
        { type: "part-end", ...at },
      );
      return;
    default:
      events.push({ type: "part", ...at, value: part });
  }
}
