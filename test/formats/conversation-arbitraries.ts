import fc from "fast-check";
import type {
  CacheMark,
  Citation,
  ConversationRequest,
  FunctionTool,
  MediaSource,
  Message,
  Part,
  Reasoning,
  ResponseFormat,
  Sampling,
  Sealed,
  Tool,
  ToolCallPart,
  ToolChoice,
  ToolResultPart,
} from "../../src/formats/conversation.ts";
import { someText } from "./arbitraries.ts";

/** Words that no encoder takes for blank, each unlike all others by its number. */
let serial = 0;
const words = someText.map((text) => `${text.trim()}#${serial++}`);

/** Set one time in two, or `freq - 1` times in `freq`. */
function maybe<T>(arbitrary: fc.Arbitrary<T>, freq = 2): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq });
}

/** The members that are set. */
function set<T extends object>(members: { readonly [K in keyof T]?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}

const cache: fc.Arbitrary<CacheMark> = fc.constantFrom({}, { ttl: "5m" }, { ttl: "1h" });
const base64 = fc.uint8Array({ minLength: 3, maxLength: 9 }).map((bytes) => btoa(String.fromCharCode(...bytes)));
const sealed: fc.Arbitrary<Sealed> = fc
  .tuple(fc.constantFrom("anthropic", "openai", "gemini", "bedrock"), fc.integer({ min: 0, max: 1e6 }))
  .map(([owner, value]) => ({ owner, value: btoa(`seal ${value}`) }));

function source(extension: string, mediaType: string, ...more: fc.Arbitrary<MediaSource>[]): fc.Arbitrary<MediaSource> {
  return fc.oneof(
    fc.nat(1e6).map((n): MediaSource => ({ type: "url", url: `https://example.com/${n}.${extension}`, mediaType })),
    base64.map((data): MediaSource => ({ type: "base64", data, mediaType })),
    fc.nat(1e6).map((n): MediaSource => ({ type: "file-id", id: `file-${n}`, mediaType })),
    ...more,
  );
}

const image = fc
  .record({
    source: fc.oneof(source("png", "image/png"), source("jpg", "image/jpeg")),
    detail: maybe(fc.constantFrom("auto", "low", "high")),
    cache: maybe(cache),
  })
  .map((members): Part => set({ type: "image", ...members }));
const audio = source("wav", "audio/wav").map((from): Part => ({ type: "audio", source: from, format: "wav" }));
const video = source("mp4", "video/mp4").map((from): Part => ({ type: "video", source: from }));
const file = fc
  .record({
    source: fc.oneof(
      source("pdf", "application/pdf"),
      words.map((text): MediaSource => ({ type: "text", text, mediaType: "text/plain" })),
    ),
    filename: maybe(fc.nat(1e6).map((n) => `report ${n}.pdf`)),
    context: maybe(words),
    citationsEnabled: maybe(fc.constant(true)),
    cache: maybe(cache),
  })
  .map((members): Part => set({ type: "file", ...members }));
const media = fc.oneof(image, audio, video, file);
const text = fc.record({ text: words, cache: maybe(cache) }).map((members): Part => set({ type: "text", ...members }));

const user: fc.Arbitrary<Message[]> = fc
  .record({
    parts: fc.array(fc.oneof(text, media), { minLength: 1, maxLength: 3 }),
    name: maybe(fc.constant("ann")),
  })
  .map(({ parts, name }) => [set<Message>({ role: "user", parts, name })]);

const citation: fc.Arbitrary<Citation> = fc
  .nat(1e6)
  .map((n) => ({ start: 0, end: 1, url: `https://example.com/${n}`, title: `Page ${n}` }));

const thinking: fc.Arbitrary<Part> = fc.oneof(
  words.map((thought): Part => ({ type: "thinking", text: thought })),
  fc.tuple(words, sealed).map(([thought, seal]): Part => ({ type: "thinking", text: thought, sealed: seal })),
  sealed.map((seal): Part => ({ type: "thinking", text: "", sealed: seal, redacted: true })),
);
const said: fc.Arbitrary<Part> = fc.oneof(
  { weight: 5, arbitrary: text },
  {
    weight: 1,
    arbitrary: fc
      .tuple(words, fc.array(citation, { minLength: 1, maxLength: 2 }))
      .map(([line, citations]): Part => ({ type: "text", text: line, citations })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(words, sealed).map(([line, seal]): Part => ({ type: "text", text: line, sealed: seal })),
  },
  { weight: 1, arbitrary: words.map((line): Part => ({ type: "refusal", text: line })) },
);

const callArguments = fc.oneof(
  { weight: 6, arbitrary: words.map((city) => JSON.stringify({ city, days: 3 })) },
  { weight: 1, arbitrary: fc.constant("{}") },
  { weight: 1, arbitrary: words.map((city) => `{"city": "${city.replaceAll(/["\\]/g, "")}`) },
);
const call: fc.Arbitrary<ToolCallPart> = fc
  .record({
    kind: fc.constantFrom(undefined, undefined, undefined, "custom" as const),
    name: fc.constantFrom("weather", "search"),
    arguments: callArguments,
    sealed: maybe(sealed),
  })
  .map(({ kind, name, arguments: given, sealed: seal }) =>
    set<ToolCallPart>({
      type: "tool-call",
      id: `call_${serial++}`,
      name: kind === "custom" ? "notes" : name,
      arguments: given,
      kind,
      sealed: seal,
    }),
  );

/** One turn of the assistant's that calls tools in parallel, and their results in any order. */
const toolLoop: fc.Arbitrary<Message[]> = fc
  .record({
    thought: maybe(thinking),
    line: maybe(said),
    calls: fc.array(call, { minLength: 1, maxLength: 3 }),
    contents: fc.array(
      fc.record({ line: words, media: maybe(media, 5), isError: maybe(fc.constant(true), 5), cache: maybe(cache) }),
      { minLength: 3, maxLength: 3 },
    ),
    reversed: fc.boolean(),
    oneMessage: fc.boolean(),
  })
  .map(({ thought, line, calls, contents, reversed, oneMessage }) => {
    const results = calls.map((made, index): ToolResultPart => {
      const { line: answer, media: shown, isError, cache: mark } = contents[index] as (typeof contents)[number];
      const content: Part[] = [{ type: "text", text: answer }, ...(shown === undefined ? [] : [shown])];
      return set<ToolResultPart>({
        type: "tool-result",
        callId: made.id,
        name: made.name,
        content,
        isError,
        cache: mark,
      });
    });
    if (reversed) results.reverse();
    const parts: Part[] = [
      ...(thought === undefined ? [] : [thought]),
      ...(line === undefined ? [] : [line]),
      ...calls,
    ];
    return [
      { role: "assistant", parts },
      ...(oneMessage
        ? [{ role: "tool" as const, parts: results }]
        : results.map((part): Message => ({ role: "tool", parts: [part] }))),
    ];
  });

const spoken: fc.Arbitrary<Message[]> = fc
  .tuple(maybe(thinking), fc.array(said, { minLength: 1, maxLength: 2 }))
  .map(([thought, parts]) => [{ role: "assistant", parts: [...(thought === undefined ? [] : [thought]), ...parts] }]);

const system = words.map((line): Message => ({ role: "system", parts: [{ type: "text", text: line }] }));

const messages: fc.Arbitrary<Message[]> = fc
  .tuple(
    maybe(system, 2),
    fc
      .tuple(text, user)
      .map(([line, [first]]) => [{ ...(first as Message), parts: [line, ...(first as Message).parts] }]),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: toolLoop },
        { weight: 2, arbitrary: fc.tuple(spoken, user).map((turns) => turns.flat()) },
        { weight: 1, arbitrary: system.map((message) => [message]) },
      ),
      { maxLength: 3 },
    ),
    user,
  )
  .map(([first, asked, turns, last]) => [...(first === undefined ? [] : [first]), ...asked, ...turns.flat(), ...last]);

const schema = fc.constantFrom(
  { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  { type: "object", properties: { days: { type: "integer" } }, required: ["days"], additionalProperties: false },
);

const functionTool = fc
  .record({
    description: maybe(words),
    parameters: maybe(schema),
    strict: maybe(fc.boolean()),
    cache: maybe(cache),
  })
  .map(
    (members) =>
      (name: string): FunctionTool =>
        set<FunctionTool>({ type: "function", name, ...members }),
  );

const webSearch = fc
  .record({
    contextSize: maybe(fc.constantFrom("low", "medium", "high")),
    userLocation: maybe(fc.constant({ type: "approximate", city: "Paris" })),
    allowedDomains: maybe(fc.constant(["example.com"])),
    blockedDomains: maybe(fc.constant(["example.org"])),
    maxUses: maybe(fc.integer({ min: 1, max: 9 })),
  })
  .map((members): Tool => set<Tool>({ type: "web-search", ...members }));

const customTool = fc
  .record({ description: maybe(words), inputFormat: maybe(fc.constant({ type: "text" })) })
  .map((members): Tool => set<Tool>({ type: "custom", name: "notes", ...members }));

/** Functions alike in strictness or each as it likes, alone or beside tools of other kinds. */
const tools: fc.Arbitrary<Tool[]> = fc
  .record({
    weather: functionTool,
    search: functionTool,
    strict: maybe(fc.boolean()),
    notes: maybe(customTool),
    web: maybe(webSearch),
  })
  .map(({ weather, search, strict, notes, web }) => [
    ...[weather("weather"), search("search")].map((tool): Tool => (strict === undefined ? tool : { ...tool, strict })),
    ...(notes === undefined ? [] : [notes]),
    ...(web === undefined ? [] : [web]),
  ]);

const toolChoice: fc.Arbitrary<ToolChoice> = fc.constantFrom(
  { type: "auto" },
  { type: "none" },
  { type: "required" },
  { type: "tool", name: "weather" },
  { type: "allowed", mode: "auto", names: ["weather"] },
  { type: "allowed", mode: "required", names: ["search"] },
);

const sampling: fc.Arbitrary<Sampling> = fc
  .record({
    temperature: maybe(fc.constantFrom(0, 0.5, 1, 1.5)),
    topP: maybe(fc.constantFrom(0.2, 0.9, 1)),
    topK: maybe(fc.integer({ min: 1, max: 99 })),
    minP: maybe(fc.constantFrom(0, 0.1)),
    seed: maybe(fc.nat(1e6)),
    stop: maybe(fc.constantFrom(["END"], ["a", "b"])),
    maxOutputTokens: maybe(fc.constantFrom(1, 100, 4000)),
    n: maybe(fc.constantFrom(1, 2)),
    presencePenalty: maybe(fc.constantFrom(0, -1, 0.5)),
    frequencyPenalty: maybe(fc.constantFrom(0, -1, 0.5)),
    repetitionPenalty: maybe(fc.constantFrom(1, 1.1)),
    logitBias: maybe(fc.constantFrom({}, { "7": 5 })),
    logprobs: maybe(fc.boolean()),
    topLogprobs: maybe(fc.constantFrom(0, 3)),
  })
  .map((members) => set<Sampling>(members));

const responseFormat: fc.Arbitrary<ResponseFormat> = fc.oneof(
  fc.constantFrom<ResponseFormat>({ type: "text" }, { type: "json" }),
  fc
    .record({
      schema,
      name: maybe(fc.constant("forecast")),
      description: maybe(words),
      strict: maybe(fc.boolean()),
    })
    .map((members) => set<ResponseFormat>({ type: "json-schema", ...members })),
);

const reasoning: fc.Arbitrary<Reasoning> = fc
  .tuple(
    fc.constantFrom<Reasoning>(
      {},
      { effort: "none" },
      { effort: "minimal" },
      { effort: "low" },
      { effort: "high" },
      { mode: "disabled" },
      { mode: "adaptive" },
      { mode: "enabled", budgetTokens: 2000 },
      { mode: "enabled", budgetTokens: 20_000 },
    ),
    maybe(fc.constantFrom("none", "auto", "detailed")),
  )
  .filter(([held, summary]) => summary !== undefined || Object.keys(held).length > 0)
  .map(([held, summary]) => set<Reasoning>({ ...held, summary }));

/** Requests that say everything that there is to say. */
export const requests: fc.Arbitrary<ConversationRequest> = fc
  .record({
    messages,
    tools: maybe(tools, 2),
    toolChoice: maybe(toolChoice),
    sampling,
    responseFormat: maybe(responseFormat),
    reasoning: maybe(reasoning),
    parallelToolCalls: maybe(fc.boolean()),
    stream: fc.boolean(),
    verbosity: maybe(fc.constantFrom("low", "high")),
    modalities: maybe(fc.constantFrom(["text"], ["text", "audio"])),
    audioOutput: maybe(fc.constant({ voice: "alloy", format: "wav" })),
    prediction: maybe(fc.constant({ type: "content", content: "a guess" })),
    user: maybe(fc.constantFrom("u-17", "ann@example.com")),
    safetyIdentifier: maybe(fc.constant("s-18")),
    metadata: maybe(fc.constant({ ticket: "19" })),
    store: maybe(fc.boolean()),
    serviceTier: maybe(fc.constantFrom("auto", "default", "flex", "priority")),
    promptCacheKey: maybe(fc.constant("cache-20")),
    promptCacheRetention: maybe(fc.constant("24h")),
    previousResponseId: maybe(fc.constant("resp_21")),
    safetySettings: maybe(fc.constant([{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }])),
  })
  .map(({ tools: declared, toolChoice: choice, ...members }) =>
    set<ConversationRequest>({
      model: "m",
      ...members,
      ...(declared === undefined
        ? {}
        : set<Pick<ConversationRequest, "tools" | "toolChoice">>({ tools: declared, toolChoice: choice })),
    }),
  );
