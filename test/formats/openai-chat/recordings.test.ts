import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import type { ResponseContext } from "../../../src/formats/format.ts";
import { openaiChat } from "../../../src/formats/openai-chat/index.ts";
import { replay } from "../../../src/formats/replay.ts";
import { asArray, asObject, isObject, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { brokenStreamRules, eventsOf, forEveryCut, recordedExchanges } from "../recorded-exchange.ts";

const ROOT = process.env.ISTHMUS_EXCHANGES ?? "../shared/fixtures/exchanges";
const providers = existsSync(ROOT) ? readdirSync(ROOT).filter((name) => !name.endsWith(".md")) : [];
if (providers.length === 0) console.log("the recordings are missing: Chat Completions are not replayed");

const all = providers.flatMap((provider) =>
  recordedExchanges(provider, /^(v1-)?chat(-completions)?-/)
    .filter((exchange) => !exchange.path.includes("/v2/chat"))
    .map((exchange) => ({ provider, ...exchange })),
);
/** Longer streams are read byte by byte, which cuts them everywhere at once. */
const LONGEST_CUT_EVERYWHERE = 6000;
const context = (provider: string): ResponseContext => ({ provider, owner: provider, model: "m" });
const decoder = (provider: string) => openaiChat.createStreamDecoder(context(provider));

describe.each(all.filter((one) => one.streamed && one.status === 200))(
  "stream $provider/$name",
  ({ provider, text, path }) => {
    if (path.includes("/v1/chat") && provider === "cohere") return;

    test("gives the same events wherever it is cut", () => {
      const whole = JSON.stringify(eventsOf(text, new SseFramer(), decoder(provider)));
      expect(JSON.stringify(eventsOf(text, new SseFramer(), decoder(provider), 1))).toBe(whole);
      if (text.length > LONGEST_CUT_EVERYWHERE) return;
      forEveryCut(
        text,
        () => new SseFramer(),
        () => decoder(provider),
        (events, cut) => {
          if (JSON.stringify(events) !== whole) throw new Error(`cut at byte ${cut}`);
        },
      );
    });

    test("keeps the rules of streams", () => {
      const events = eventsOf(text, new SseFramer(), decoder(provider));
      if (!events.some((event) => event.type === "error")) expect(brokenStreamRules(events)).toEqual([]);
    });

    test("reads the same through our own encoder", () => {
      const events = eventsOf(text, new SseFramer(), decoder(provider));
      if (events.some((event) => event.type === "error")) return;
      const request = { model: "m", messages: [], sampling: {}, includeUsage: true };
      const encoder = openaiChat.createStreamEncoder({ model: "m", request, fallbackId: "x", now: 0 });
      const wire = events.map((event) => encoder.push(event)).join("") + encoder.end();
      const again = eventsOf(wire, new SseFramer(), decoder(provider));
      expect(texts(again)).toEqual(texts(events));
      expect(wire.match(/"finish_reason":"/g)?.length).toBe(events.filter((event) => event.type === "finish").length);
      expect(wire).toEndWith("data: [DONE]\n\n");
    });
  },
);

/** What was said, by part, with how it ended and what it used. */
function texts(events: ReturnType<typeof eventsOf>): unknown {
  const said = new Map<string, string>();
  const ends: unknown[] = [];
  for (const event of events) {
    if (event.type === "delta")
      said.set(`${event.choice}/${event.part}`, `${said.get(`${event.choice}/${event.part}`) ?? ""}${event.text}`);
    if (event.type === "finish") ends.push([event.choice, event.reason]);
    if (event.type === "usage") ends.push(event.usage.buckets);
  }
  return [[...said.values()].sort(), ends.map((end) => JSON.stringify(end)).sort()];
}

describe.each(all.filter((one) => !one.streamed && one.status === 200 && isObject(one.body)))(
  "answer $provider/$name",
  ({ provider, body, request }) => {
    test("keeps text, calls, reason and usage through decoding and encoding", () => {
      const decoded = openaiChat.decodeResponse(body as JsonObject, context(provider));
      const conversation = { model: "m", messages: [], sampling: {} };
      const encoded = openaiChat.encodeResponse(decoded, {
        model: "m",
        request: conversation,
        fallbackId: "x",
        now: 0,
      });
      for (const [index, choice] of asArray((body as JsonObject).choices).entries()) {
        const message = asObject(asObject(choice)?.message);
        if (message === undefined) continue;
        const mine = asObject(asObject(asArray(encoded.choices)[index])?.message);
        if (typeof message.content === "string" && message.content !== "") expect(mine?.content).toBe(message.content);
        const legacy = asObject(message.function_call);
        const calls =
          typeof legacy?.name === "string" && legacy.name !== ""
            ? [legacy.name]
            : asArray(message.tool_calls).map((call) => asObject(asObject(call)?.function)?.name);
        expect(asArray(mine?.tool_calls).map((call) => asObject(asObject(call)?.function)?.name)).toEqual(calls);
      }
      const usage = asObject((body as JsonObject).usage);
      const mine = asObject(encoded.usage);
      if (
        typeof usage?.prompt_tokens === "number" &&
        !(Number(asObject(usage.prompt_tokens_details)?.cached_tokens ?? 0) > usage.prompt_tokens)
      ) {
        expect(mine?.prompt_tokens).toBe(usage.prompt_tokens);
      }
    });

    test("a stream of it says the same", () => {
      const decoded = openaiChat.decodeResponse(body as JsonObject, context(provider));
      const encoder = openaiChat.createStreamEncoder({
        model: "m",
        request: { model: "m", messages: [], sampling: {}, includeUsage: true },
        fallbackId: "x",
        now: 0,
      });
      const wire =
        replay(decoded)
          .map((event) => encoder.push(event))
          .join("") + encoder.end();
      const events = eventsOf(wire, new SseFramer(), decoder(provider));
      expect(texts(events)).toEqual(texts(replay(decoded)));
    });

    test("its request survives a round trip", () => {
      if (request === undefined || !Array.isArray(request.messages)) return;
      const once = openaiChat.decodeRequest(request);
      expect(once.messages.length).toBe(request.messages.length);
      const report = { changes: [], unsupported() {}, dropped() {}, renamed() {}, clamped() {}, converted() {} };
      const encoded = openaiChat.encodeRequest(once, {
        model: once.model,
        provider,
        owner: provider,
        capabilities: {},
        report,
        modifyParams: false,
      });
      const visible = (messages: typeof once.messages): string[] =>
        messages
          .flatMap((one) => one.parts)
          .flatMap((part) => (part.type === "text" && part.text !== "" ? [part.text] : []));
      expect(visible(openaiChat.decodeRequest(encoded).messages)).toEqual(visible(once.messages));
      expect(asArray(encoded.tools).length).toBe(asArray(request.tools).length + asArray(request.functions).length);
    });
  },
);
