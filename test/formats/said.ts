import type {
  Citation,
  ConversationRequest,
  MediaSource,
  ThinkingPart,
  ToolCallPart,
} from "../../src/formats/conversation.ts";
import { unwrapRedacted } from "../../src/formats/redacted-thinking.ts";
import { eachWord, type Word } from "../../src/formats/words.ts";
import { asObject, isObject, parseJson } from "../../src/json/json.ts";

/** What a request says, by word. */
export type Said = ReadonlyMap<Word, readonly string[]>;

/** What a request says, in a form that leaves out what formats may choose for themselves (ids, media types). */
export function said(request: ConversationRequest): Said {
  const found = new Map<Word, string[]>();
  const calls = new Map<string, number>();
  eachWord(request, {
    word(word, value) {
      if (word === "messages.tool_calls.id") calls.set(value as string, calls.size);
      const list = found.get(word);
      const text = JSON.stringify(plain(word, value, calls));
      if (list === undefined) found.set(word, [text]);
      else list.push(text);
    },
    native() {},
  });
  return found;
}

function plain(word: Word, value: unknown, calls: ReadonlyMap<string, number>): unknown {
  switch (word) {
    case "messages.annotations":
      return (value as readonly Citation[]).map(({ url, title }) => [url, title]);
    case "messages.tool_calls":
    case "messages.tool_calls:custom": {
      const part = value as ToolCallPart;
      const parsed = parseJson(part.arguments);
      return [part.name, word === "messages.tool_calls" && isObject(parsed) ? parsed : part.arguments];
    }
    case "messages.tool_result": {
      const part = value as Extract<ConversationRequest["messages"][number]["parts"][number], { type: "tool-result" }>;
      return [calls.get(part.callId), part.content.map((item) => (item.type === "text" ? item.text : "")).join("")];
    }
    case "messages.tool_result.is_error":
      return calls.get(value as string);
    case "messages.thinking":
    case "messages.thinking:sealed":
    case "messages.thinking:redacted": {
      const { text, sealed } = value as ThinkingPart;
      return [text, sealed?.owner, sealed?.value];
    }
    default:
      return isSource(value) ? sourceText(value) : value;
  }
}

function isSource(value: unknown): value is MediaSource {
  const object = asObject(value as never);
  return ["url", "data", "id", "text"].some((name) => typeof object?.[name] === "string") && object?.type !== undefined;
}

function sourceText(source: MediaSource): string {
  switch (source.type) {
    case "url":
      return source.url;
    case "base64":
      return source.data;
    case "file-id":
      return source.id;
    case "text":
      return source.text;
  }
}

/** The values of a word that `before` says and `after` does not say in any form. */
export function lost(word: Word, before: Said, after: Said): readonly string[] {
  const values = before.get(word) ?? [];
  const means = MEANINGS.find(([form]) => form.test(word))?.[1];
  if (means !== undefined) return values.filter((value) => !means(JSON.parse(value), after, before));
  const left = [...(after.get(word) ?? [])];
  return values.filter((value) => {
    const at = left.indexOf(value);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Whether a word may be kept in another form, or by being left out. */
export function hasForms(word: Word): boolean {
  return MEANINGS.some(([form]) => form.test(word));
}

function parsed(after: Said, word: Word): unknown[] {
  return (after.get(word) ?? []).map((text) => JSON.parse(text) as unknown);
}

/** Everything that is text to the model: formats join texts and divide them, and write refusals and files as text. */
function texts(after: Said): string {
  return [
    ...parsed(after, "messages.content"),
    ...parsed(after, "messages.refusal"),
    ...parsed(after, "messages.file:text"),
    ...parsed(after, "messages.tool_result").map((result) => (result as [number, string])[1]),
  ].join("\n");
}

function decoded(data: unknown): string {
  return new TextDecoder().decode(Uint8Array.from(atob(data as string), (byte) => byte.charCodeAt(0)));
}

function sources(after: Said): unknown[] {
  return [...after.keys()]
    .filter((word) => /:(url|base64|file-id|text)$/.test(word))
    .flatMap((word) => parsed(after, word));
}

type Meaning = (value: unknown, after: Said, before: Said) => boolean;

/** When something is kept although it stands there in another form. */
const MEANINGS: readonly (readonly [RegExp, Meaning])[] = [
  [/^messages\.(content|refusal)$/, (value, after) => texts(after).includes(value as string)],
  [
    /^messages\.file:text$/,
    (value, after) =>
      texts(after).includes(value as string) ||
      parsed(after, "messages.file:base64").some((data) => decoded(data) === value),
  ],
  [/^messages\.(image|audio|video|file):/, (value, after) => sources(after).includes(value)],
  [
    /^messages\.tool_calls:custom$/,
    (value, after) => {
      const [name, input] = value as [string, string];
      const asObjects = parsed(after, "messages.tool_calls").map((call) => JSON.stringify(call));
      return (
        (after.get("messages.tool_calls:custom") ?? []).includes(JSON.stringify(value)) ||
        asObjects.includes(JSON.stringify([name, { input }]))
      );
    },
  ],
  [
    /^messages\.tool_result$/,
    (value, after) => {
      const [call, text] = value as [number, string];
      return parsed(after, "messages.tool_result").some((result) => {
        const [answered, content] = result as [number, string];
        return answered === call && content.replaceAll("\n", "").includes(text.replaceAll("\n", ""));
      });
    },
  ],
  [
    /^messages\.thinking:redacted$/,
    (value, after) =>
      [...parsed(after, "messages.thinking:redacted"), ...parsed(after, "messages.thinking:sealed")].some((kept) =>
        Bun.deepEquals(unwrapped(kept), unwrapped(value)),
      ),
  ],
  // The media themselves have words of their own.
  [/^messages\.tool_result\.media$/, (value, after) => parsed(after, "messages.tool_result.media").includes(value)],
  [
    /^messages\.file\.filename$/,
    (value, after) =>
      parsed(after, "messages.file.filename").some((name) => withoutExtension(name) === withoutExtension(value)),
  ],
  [
    /^tools:custom$/,
    (value, after) => [...parsed(after, "tools:custom"), ...parsed(after, "tools:function")].includes(value),
  ],
  // `auto` is the default wherever there are tools; of no tools none is called.
  [/^tool_choice:auto$/, (_, after) => ![...after.keys()].some((word) => /^tool_choice:(?!auto)/.test(word))],
  [
    /^tool_choice:none$/,
    (_, after) => after.has("tool_choice:none") || !(after.has("tools:function") || after.has("tools:custom")),
  ],
  [
    /^tool_choice:allowed$/,
    (value, after) => {
      const { mode, names } = value as { mode: string; names: string[] };
      const one =
        mode === "required" &&
        parsed(after, "tool_choice:tool").some((tool) => (tool as { name: string }).name === names[0]);
      return one || (after.get("tool_choice:allowed") ?? []).includes(JSON.stringify(value));
    },
  ],
  [/^(reasoning_effort|thinking\.budget_tokens)$/, (_, after) => thinks(after)],
  // A schema without members says no more than none.
  [
    /^tools\.parameters$/,
    (value, after) =>
      JSON.stringify(value) === '{"type":"object","properties":{}}' ||
      (after.get("tools.parameters") ?? []).includes(JSON.stringify(value)),
  ],
  // Who wants to see thinking wants it.
  [
    /^thinking$/,
    (value, after) =>
      thinks(after) || after.has("reasoning.summary") || (value === "adaptive" && !after.has("thinking:off")),
  ],
  [/^thinking:off$/, (_, after) => !thinks(after)],
  [
    /^reasoning\.summary$/,
    (value, after) =>
      parsed(after, "reasoning.summary").some((shown) => (shown === "none") === (value === "none")) ||
      // Who does not think has nothing to hide; who thinks shows it unless told otherwise.
      (value === "none" ? !thinks(after) : thinks(after) && !after.has("reasoning.summary")),
  ],
  [
    /^service_tier$/,
    (value, after) =>
      parsed(after, "service_tier").includes(value) || (value === "default" && !after.has("service_tier")),
  ],
];

function thinks(words: Said): boolean {
  return ["reasoning_effort", "thinking.budget_tokens", "thinking"].some((word) => words.has(word as Word));
}

function withoutExtension(name: unknown): string {
  return (name as string).replace(/\.\w+$/, "");
}

/** Hidden thinking without the form of its platform. */
function unwrapped(thinking: unknown): unknown {
  const [text, owner, value] = thinking as [string, string, string];
  return [text, owner, unwrapRedacted({ owner, value })];
}
