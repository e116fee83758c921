import fc from "fast-check";
import type {
  Choice,
  Citation,
  ConversationResponse,
  FinishReason,
  Part,
  Sealed,
} from "../../src/formats/conversation.ts";
import { someText } from "./arbitraries.ts";

let serial = 0;
const words = someText.map((text) => `${text.trim()}#${serial++}`);
const OWNERS = ["anthropic", "openai", "gemini", "bedrock"];
const sealed: fc.Arbitrary<Sealed> = fc
  .tuple(fc.constantFrom(...OWNERS), fc.nat(1e6))
  .map(([owner, value]) => ({ owner, value: btoa(`seal ${value}`) }));

function maybe<T>(arbitrary: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq });
}

/** Who signs, signs all thinking of an answer. */
const unsigned: fc.Arbitrary<Part[]> = words.map((text) => [{ type: "thinking", text }]);
const signed: fc.Arbitrary<Part> = fc.oneof(
  fc.tuple(words, sealed).map(([text, seal]): Part => ({ type: "thinking", text, sealed: seal })),
  sealed.map((seal): Part => ({ type: "thinking", text: "", sealed: seal, redacted: true })),
);

const text: fc.Arbitrary<Part> = fc
  .record({ text: words, cited: fc.nat(2), sealed: maybe(sealed, 5) })
  .map(({ text: line, cited, sealed: seal }): Part => {
    const citations = Array.from({ length: cited }, (_, at): Citation => {
      const end = line.length - at;
      return { start: line.lastIndexOf("#"), end, url: `https://example.com/${serial++}`, title: `Page ${at}` };
    });
    return {
      type: "text",
      text: line,
      ...(cited === 0 ? {} : { citations }),
      ...(seal === undefined || seal.owner !== "gemini" ? {} : { sealed: seal }),
    };
  });

const call: fc.Arbitrary<Part> = fc
  .record({ name: fc.constantFrom("weather", "search"), city: words, custom: fc.nat(5), sealed: maybe(sealed, 5) })
  .map(
    ({ name, city, custom, sealed: seal }): Part => ({
      type: "tool-call",
      id: `call_${serial++}`,
      name: custom === 0 ? "notes" : name,
      arguments: custom === 0 ? city : JSON.stringify({ city }),
      ...(custom === 0 ? { kind: "custom" as const } : {}),
      ...(seal === undefined || seal.owner !== "gemini" ? {} : { sealed: seal }),
    }),
  );

const image: fc.Arbitrary<Part> = fc
  .nat(1e6)
  .map((n): Part => ({ type: "image", source: { type: "base64", data: btoa(`image ${n}`), mediaType: "image/png" } }));

const choice = fc
  .record({
    thought: fc.oneof(fc.array(signed, { maxLength: 2 }), unsigned),
    said: fc.array(text, { maxLength: 2 }),
    refusal: maybe(words, 6),
    calls: fc.array(call, { maxLength: 3 }),
    shown: maybe(image, 8),
    finish: fc.constantFrom<FinishReason>("stop", "length", "content-filter"),
    stopSequence: maybe(fc.constant("END"), 5),
  })
  .filter(({ said, calls, refusal }) => said.length + calls.length > 0 || refusal !== undefined)
  .map(
    ({ thought, said, refusal, calls, shown, finish, stopSequence }): Omit<Choice, "index"> => ({
      parts: [
        ...thought,
        ...said,
        ...(refusal === undefined ? [] : [{ type: "refusal" as const, text: refusal }]),
        ...(shown === undefined ? [] : [shown]),
        ...calls,
      ],
      finish: calls.length > 0 ? "tool-calls" : finish,
      ...(stopSequence === undefined || calls.length > 0 || finish !== "stop" ? {} : { stopSequence }),
    }),
  );

/** Answers that say everything that there is to say. */
export const answers: fc.Arbitrary<ConversationResponse> = fc
  .record({
    id: fc.nat(1e6).map((n) => `id${n}`),
    choices: fc.array(choice, { minLength: 1, maxLength: 2 }),
    created: fc.constant(1_700_000_000),
    usage: fc.record({
      input: fc.integer({ min: 1, max: 9999 }),
      cache_read: fc.nat(99),
      cache_write_5m: fc.nat(99),
      output: fc.integer({ min: 1, max: 9999 }),
      output_reasoning: fc.nat(99),
    }),
    systemFingerprint: maybe(fc.constant("fp_1")),
    serviceTier: maybe(fc.constantFrom("default", "priority")),
  })
  .map(({ choices, usage, systemFingerprint, serviceTier, ...members }) => ({
    ...members,
    choices: choices.map((held, index): Choice => ({ index, ...held })),
    usage: { buckets: usage },
    ...(systemFingerprint === undefined ? {} : { systemFingerprint }),
    ...(serviceTier === undefined ? {} : { serviceTier }),
  }));
