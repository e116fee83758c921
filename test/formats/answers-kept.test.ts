import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ANSWER_WORDS, type AnswerWord, eachAnswerWord } from "../../src/formats/answer-words.ts";
import { assemble } from "../../src/formats/assemble.ts";
import type {
  Citation,
  ConversationResponse,
  FormatId,
  ThinkingPart,
  ToolCallPart,
} from "../../src/formats/conversation.ts";
import type { AnswerContext, Format, ResponseContext } from "../../src/formats/format.ts";
import { formatById } from "../../src/formats/registry.ts";
import { replay } from "../../src/formats/replay.ts";
import { isObject, type JsonObject, parseJson } from "../../src/json/json.ts";
import { framerFor } from "../../src/upstream/framer.ts";
import { answers } from "./answer-arbitraries.ts";
import { answerContext, eventsOf } from "./recorded-exchange.ts";

const RUNS = { seed: 20_261_126, numRuns: Number(process.env.ISTHMUS_PROPERTY_RUNS ?? 100) };

/** Each format that clients speak, and whose seals it calls its own. */
const OWNERS: Readonly<Partial<Record<FormatId, string>>> = {
  "openai-chat": "openai",
  "openai-responses": "openai",
  "anthropic-messages": "anthropic",
  gemini: "gemini",
  cohere: "cohere",
  ollama: "ollama",
};
const CLIENTS = (Object.keys(OWNERS) as FormatId[]).map(formatById);

type Said = ReadonlyMap<AnswerWord, readonly string[]>;

function said(response: ConversationResponse): Said {
  const found = new Map<AnswerWord, string[]>();
  eachAnswerWord(response, (word, value) => {
    const list = found.get(word) ?? [];
    list.push(JSON.stringify(plain(word, value)));
    found.set(word, list);
  });
  return found;
}

function plain(word: AnswerWord, value: unknown): unknown {
  switch (word) {
    case "choices.message.annotations":
      return (value as readonly Citation[]).map(({ url, title, start, end }) => [url, title, start, end]);
    case "choices.message.thinking_blocks:sealed":
      return [(value as ThinkingPart).text, (value as ThinkingPart).sealed];
    case "choices.message.tool_calls":
    case "choices.message.tool_calls:custom": {
      const { name, arguments: text } = value as ToolCallPart;
      const parsed = parseJson(text);
      return [name, isObject(parsed) ? parsed : text];
    }
    default:
      return value;
  }
}

/** What of a word is gone; texts may be joined. */
function gone(word: AnswerWord, before: Said, after: Said): readonly string[] {
  const values = before.get(word) ?? [];
  if (/content$/.test(word)) {
    const all = (after.get(word) ?? []).map((text) => JSON.parse(text) as string).join("");
    return values.filter((text) => !all.includes(JSON.parse(text) as string));
  }
  if (word === "choices.message.annotations") {
    // Texts that are joined move what lies in the later ones.
    const flat = (said: Said): string[] =>
      (said.get(word) ?? []).flatMap((list) =>
        (JSON.parse(list) as unknown[][]).map(([url, title]) => JSON.stringify([url, title])),
      );
    const kept = flat(after);
    return flat(before).filter((citation) => !kept.includes(citation));
  }
  const left = [...(after.get(word) ?? [])];
  return values.filter((value) => {
    const at = left.indexOf(value);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function contextOf(format: Format): ResponseContext {
  return { provider: "test", owner: OWNERS[format.id] ?? "test", model: "m" };
}

function streamed(): AnswerContext {
  return { ...answerContext(), request: { model: "m", messages: [], sampling: {}, stream: true, includeUsage: true } };
}

function whole(format: Format, response: ConversationResponse): ConversationResponse {
  const body = JSON.parse(JSON.stringify(format.encodeResponse(response, answerContext()))) as JsonObject;
  return format.decodeResponse(body, contextOf(format));
}

function assembled(format: Format, response: ConversationResponse): ConversationResponse {
  const encoder = format.createStreamEncoder(streamed());
  const text = `${replay(response)
    .map((event) => encoder.push(event))
    .join("")}${encoder.end()}`;
  const framer = framerFor(format.id === "ollama" ? "ndjson" : "sse");
  return assemble(eventsOf(text, framer, format.createStreamDecoder(contextOf(format)), 7));
}

/** Words of which something is gone that the client's format says it can say, or that it denies and says all the same. */
function faults(before: ConversationResponse, after: ConversationResponse, client: Format): string[] {
  const table = client.answers;
  if (table === undefined) throw new Error(`${client.id} has no table of answers`);
  // Of several answers a format of one keeps the first.
  const one = table.choices.says !== "all";
  const [first] = before.choices;
  const had = said(one && first !== undefined ? { ...before, choices: [first] } : before);
  const has = said(after);
  return ANSWER_WORDS.flatMap((word) => {
    if (!had.has(word)) return [];
    const lost = gone(word, had, has);
    const { says } = table[word];
    if (says === "all" && lost.length > 0) return [`${word} is not kept: ${lost} in ${has.get(word)}`];
    return says === "nothing" && word !== "choices" && lost.length === 0 ? [`${word} is kept after all`] : [];
  });
}

describe("an answer that is written and read again keeps what the format says that it can say", () => {
  for (const format of CLIENTS) {
    test(format.id, () => {
      fc.assert(
        fc.property(answers, (answer) => {
          expect(faults(answer, whole(format, answer), format)).toEqual([]);
        }),
        RUNS,
      );
    });
  }
});

/** Seals that only the end of a stream of OpenAI's knows reach clients of Chat Completions behind the text. */
function withoutLateSeals(answer: ConversationResponse, format: Format): ConversationResponse {
  if (format.id !== "openai-chat") return answer;
  const isLate = (part: ConversationResponse["choices"][number]["parts"][number]): boolean =>
    part.type === "thinking" && part.sealed?.owner === "openai";
  return {
    ...answer,
    choices: answer.choices.map((choice) => ({ ...choice, parts: choice.parts.filter((part) => !isLate(part)) })),
  };
}

describe("a stream that is put together says what the whole answer says", () => {
  for (const format of CLIENTS) {
    test(format.id, () => {
      fc.assert(
        fc.property(answers, (drawn) => {
          const answer = withoutLateSeals(drawn, format);
          const [one, other] = [said(whole(format, answer)), said(assembled(format, answer))];
          expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one));
        }),
        RUNS,
      );
    });
  }
});

/** An answer as a provider of the format gives it: sealed by itself, and with free-text calls only where there are any. */
function ofProvider(answer: ConversationResponse, format: Format): ConversationResponse {
  const custom = format.answers?.["choices.message.tool_calls:custom"].says === "all";
  type Held = ConversationResponse["choices"][number]["parts"][number];
  const own = (part: Held): Held[] => {
    if (part.type === "tool-call" && part.kind === "custom" && !custom) return [];
    if (!("sealed" in part) || part.sealed === undefined || part.sealed.owner === OWNERS[format.id]) return [part];
    const { sealed: _, ...rest } = part;
    return part.type === "thinking" ? [] : [rest as Held];
  };
  return {
    ...answer,
    choices: answer.choices.map((choice) => ({ ...choice, parts: choice.parts.flatMap(own) })),
  };
}

describe("what a provider of one format answered reaches a client of another, whole and streamed", () => {
  for (const provider of CLIENTS) {
    test(`from ${provider.id} to every other`, () => {
      fc.assert(
        fc.property(answers, (drawn) => {
          const given = ofProvider(drawn, provider);
          const answer = whole(provider, given);
          const streamedAnswer = assembled(provider, withoutLateSeals(given, provider));
          for (const client of CLIENTS) {
            if (client.id === provider.id) continue;
            expect([client.id, ...faults(answer, whole(client, answer), client)]).toEqual([client.id]);
            const late = withoutLateSeals(streamedAnswer, client);
            expect([client.id, ...faults(late, assembled(client, late), client)]).toEqual([client.id]);
          }
        }),
        { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 4) },
      );
    });
  }
});
