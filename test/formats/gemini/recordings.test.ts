import { describe, expect, test } from "bun:test";
import type { ResponseContext } from "../../../src/formats/format.ts";
import { gemini } from "../../../src/formats/gemini/index.ts";
import { ParameterReport } from "../../../src/formats/report.ts";
import { asArray, asObject, isObject, type JsonObject } from "../../../src/json/json.ts";
import { SseFramer } from "../../../src/upstream/sse.ts";
import { brokenStreamRules, eventsOf, forEveryCut, recordedExchanges } from "../recorded-exchange.ts";

const all = ["gemini", "vertex_ai"].flatMap((provider) =>
  recordedExchanges(provider, /generate-content/).map((exchange) => ({ provider, ...exchange })),
);
if (all.length === 0) console.log("the recordings are missing: generateContent is not replayed");
const context: ResponseContext = { provider: "gemini", owner: "gemini", model: "gemini-2.5-flash" };

describe.each(all.filter((one) => one.streamed && one.status === 200))("stream $provider/$name", ({ text }) => {
  test("gives the same events wherever it is cut, and keeps the rules of streams", () => {
    const whole = eventsOf(text, new SseFramer(), gemini.createStreamDecoder(context));
    const expected = JSON.stringify(whole);
    expect(JSON.stringify(eventsOf(text, new SseFramer(), gemini.createStreamDecoder(context), 1))).toBe(expected);
    if (text.length < 6000)
      forEveryCut(
        text,
        () => new SseFramer(),
        () => gemini.createStreamDecoder(context),
        (events, cut) => {
          if (JSON.stringify(events) !== expected) throw new Error(`cut at byte ${cut}`);
        },
      );
    expect(brokenStreamRules(whole)).toEqual([]);
    expect(whole.some((event) => event.type === "usage")).toBe(true);
  });
});

describe.each(all.filter((one) => !one.streamed && one.status === 200 && isObject(one.body)))(
  "answer $provider/$name",
  ({ body, request }) => {
    test("keeps its parts through decoding and encoding", () => {
      const decoded = gemini.decodeResponse(body as JsonObject, context);
      const conversation = { model: "m", messages: [], sampling: {} };
      const encoded = gemini.encodeResponse(decoded, { model: "m", request: conversation, fallbackId: "x", now: 0 });
      expect(said(encoded)).toEqual(said(body as JsonObject));
    });

    test("its request survives a round trip", () => {
      if (request?.contents === undefined) return;
      const once = gemini.decodeRequest(request);
      const encoded = gemini.encodeRequest(once, {
        model: "gemini-2.5-flash",
        provider: "gemini",
        owner: "gemini",
        capabilities: {},
        report: new ParameterReport(),
        modifyParams: false,
      });
      const again = gemini.decodeRequest(encoded);
      // Ids of calls are ours to make up; empty texts say nothing.
      const contents = (messages: typeof once.messages): unknown =>
        messages
          .flatMap((one) => one.parts)
          .flatMap((part): unknown[] => {
            if (part.type === "text") return part.text.trim() === "" ? [] : [part.text];
            if (part.type === "tool-call") return [[part.name, part.arguments, part.sealed?.value]];
            return part.type === "thinking" ? [] : [part.type];
          });
      expect(contents(again.messages)).toEqual(contents(once.messages));
      const names = (tools: typeof once.tools): unknown =>
        (tools ?? []).map((tool) => ("name" in tool ? tool.name : tool.type)).sort();
      expect(names(again.tools)).toEqual(names(once.tools));
      expect(again.sampling).toEqual(once.sampling);
    });
  },
);

/** Texts, thoughts and calls of the first candidate; adjacent texts of one kind are one. */
function said(body: JsonObject): unknown {
  const merged: { kind: string; text: string }[] = [];
  for (const part of asArray(asObject(asObject(asArray(body.candidates)[0])?.content)?.parts)) {
    const object = asObject(part);
    const call = asObject(object?.functionCall);
    const kind = call === undefined ? (object?.thought === true ? "thought" : "text") : "call";
    const text = call === undefined ? String(object?.text ?? "") : JSON.stringify([call.name, call.args ?? {}]);
    const last = merged.at(-1);
    if (text === "") continue;
    if (last !== undefined && kind !== "call" && last.kind === kind) last.text += text;
    else merged.push({ kind, text });
  }
  return merged;
}
