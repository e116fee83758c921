import { describe, expect, test } from "bun:test";
import { boundsOf, dearest } from "../../src/pipeline/bounds.ts";
import type { RequestContext } from "../../src/pipeline/request-context.ts";
import { findEntry } from "../../src/pricing/catalogue.ts";
import { priceCall } from "../../src/pricing/cost.ts";
import { priceSheet } from "../../src/pricing/price-sheet.ts";
import { operationUsage } from "../../src/providers/operation-usage.ts";
import type { Operation } from "../../src/providers/provider.ts";

function contextOf(operation: Operation, body: Record<string, unknown>, files: readonly Blob[] = []): RequestContext {
  const form = new FormData();
  for (const file of files) form.append("file", file);
  const text = files.length === 0 ? JSON.stringify(body) : "";
  const bytes = text.length + files.reduce((sum, { size }) => sum + size, 0);
  const more = files.length === 0 ? {} : { form };
  return {
    ...{ operation, body, text, bytes, requestedModel: "m", principal: {}, ...more },
    snapshot: { library: { raw: {} } },
  } as unknown as RequestContext;
}

/** What the call is held at, and what its answer costs then. Nano-dollars. */
function heldAndCharged(model: string, context: RequestContext, answer: Record<string, unknown>): [bigint, bigint] {
  const sheet = priceSheet({ entry: findEntry(model), name: model });
  const usage = operationUsage({ operation: context.operation, fields: context.body }, answer as never);
  if (sheet === undefined || usage === undefined) throw new Error(`nothing is known of ${model}`);
  return [dearest([sheet], boundsOf(context)), priceCall(usage, sheet, { at: 0 })?.nano ?? -1n];
}

const second = new Blob([new Uint8Array(16_000)]);

describe("what an operation is held at", () => {
  test.each([
    [
      "images by the piece",
      "aiml/dall-e-3",
      contextOf("image-generation", { prompt: "a cat", n: 3 }),
      { data: [{}, {}, {}] },
    ],
    [
      "images by their tokens",
      "gpt-image-1",
      contextOf("image-generation", { prompt: "a cat", n: 2, quality: "high", size: "1024x1536" }),
      { data: [{}, {}], usage: { input_tokens: 20, output_tokens: 12_480 } },
    ],
    [
      "an edited image, its count in a form",
      "gpt-image-1",
      contextOf("image-edit", { prompt: "a dog", n: "2" }, [new Blob([new Uint8Array(4_000_000)])]),
      {
        data: [{}, {}],
        usage: { input_tokens: 6_500, output_tokens: 2_112, input_tokens_details: { image_tokens: 6_400 } },
      },
    ],
    ["speech by its characters", "tts-1", contextOf("speech", { input: "é".repeat(500) }), {}],
    ["sound by its seconds", "whisper-1", contextOf("transcription", {}, [second]), { text: "hi", duration: 16 }],
    [
      "sound by its tokens",
      "gpt-4o-transcribe",
      contextOf("transcription", { prompt: "names" }, [second]),
      {
        text: "hi",
        usage: { type: "tokens", input_tokens: 165, output_tokens: 60, input_token_details: { audio_tokens: 160 } },
      },
    ],
    [
      "a search in many documents",
      "rerank-v3.5",
      contextOf("rerank", { query: "q", documents: Array(250).fill("d") }),
      { meta: { billed_units: { search_units: 3 } } },
    ],
  ] as const)("covers %s, and not a hundred times as much", (_, model, context, answer) => {
    const [held, charged] = heldAndCharged(model, context, answer);
    expect(charged).toBeGreaterThan(0n);
    expect(held).toBeGreaterThanOrEqual(charged);
    expect(held).toBeLessThan(charged * 100n);
  });

  test("is nothing for an output that there is none of", () => {
    expect(boundsOf(contextOf("embeddings", { input: "hello" }))).toMatchObject({ outputTokens: 0 });
  });
});
