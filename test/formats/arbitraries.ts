import fc from "fast-check";
import type { ConversationResponse, FinishReason, Part } from "../../src/formats/conversation.ts";

/** Text with everything that breaks encoders: quotes, newlines, emoji, halves of nothing. */
export const someText = fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" });

const argumentsText = fc
  .dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
    maxKeys: 3,
  })
  .map((value) => JSON.stringify(value));

/** Answers as any language model gives them: thinking, then text, then calls with ids of their own. */
export const answers: fc.Arbitrary<ConversationResponse> = fc
  .record({
    id: fc.string({ minLength: 1, maxLength: 12 }),
    thinking: fc.option(someText, { nil: undefined }),
    text: fc.option(someText, { nil: undefined }),
    calls: fc.array(fc.record({ name: fc.constantFrom("weather", "search"), arguments: argumentsText }), {
      maxLength: 3,
    }),
    finish: fc.constantFrom<FinishReason>("stop", "length"),
    usage: fc.record({ input: fc.integer({ min: 1, max: 1e6 }), output: fc.integer({ min: 1, max: 1e6 }) }),
  })
  .filter(({ text, calls }) => text !== undefined || calls.length > 0)
  .map(({ id, thinking, text, calls, finish, usage }) => {
    const parts: Part[] = [];
    if (thinking !== undefined) parts.push({ type: "thinking", text: thinking });
    if (text !== undefined) parts.push({ type: "text", text });
    calls.forEach((call, index) => {
      parts.push({ type: "tool-call", id: `call_${index}`, ...call });
    });
    return {
      id,
      choices: [{ index: 0, parts, finish: calls.length > 0 && finish === "stop" ? "tool-calls" : finish }],
      usage: { buckets: usage },
    };
  });
