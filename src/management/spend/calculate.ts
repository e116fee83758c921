import { z } from "zod";
import { asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import { pricesFor } from "../../pipeline/prices.ts";
import { countText } from "../../pipeline/token-count.ts";
import { findEntry } from "../../pricing/catalogue.ts";
import { type Cost, costOf, nanoToNumber } from "../../pricing/cost.ts";
import { priceSheet } from "../../pricing/price-sheet.ts";
import type { PriceSheet, Snapshot } from "../../snapshot/snapshot.ts";
import type { Buckets } from "../../usage/usage.ts";
import * as f from "../fields.ts";
import { badRequest } from "../refusals.ts";
import { route } from "../route.ts";

const TAG = "Budget & Spend Tracking";

const count = z.number().int().min(0);

/** What a call costs or would cost, without making it. */
export const calculateRoutes = [
  route({
    method: "POST",
    path: "/spend/calculate",
    permission: "key",
    tag: TAG,
    summary: "The cost of an answer, or of a prompt",
    body: z.object({
      model: f.optionalName,
      messages: z.array(z.unknown()).nullish(),
      completion_response: z.record(z.string(), z.unknown()).nullish(),
    }),
    handle: async ({ management, body }) => {
      const answer = body.completion_response as JsonObject | null | undefined;
      const model = body.model ?? asString(answer?.model);
      if (model === undefined) throw badRequest("Bad Request - 'model' or 'completion_response' is required", "model");
      if (answer === null || answer === undefined) {
        if (body.messages === null || body.messages === undefined) {
          throw badRequest("Bad Request - Either 'messages' or 'completion_response' is required", "messages");
        }
        const tokens = await countText(JSON.stringify(body.messages));
        return { cost: nanoToNumber(priced(management.snapshot(), model, { input: tokens }).nano) };
      }
      return { cost: nanoToNumber(priced(management.snapshot(), model, bucketsOf(asObject(answer.usage) ?? {})).nano) };
    },
  }),
  route({
    method: "POST",
    path: "/cost/estimate",
    permission: "key",
    tag: TAG,
    summary: "What calls of a size cost, each, per day and per month",
    body: z.object({
      model: f.name,
      input_tokens: count,
      output_tokens: count,
      cache_read_input_tokens: count.default(0),
      cache_creation_input_tokens: count.default(0),
      reasoning_tokens: count.default(0),
      num_requests_per_day: count.nullish(),
      num_requests_per_month: count.nullish(),
    }),
    handle: async ({ management, body }) => {
      const cost = priced(management.snapshot(), body.model, {
        input: Math.max(body.input_tokens - body.cache_read_input_tokens - body.cache_creation_input_tokens, 0),
        cache_read: body.cache_read_input_tokens,
        cache_write_5m: body.cache_creation_input_tokens,
        output: Math.max(body.output_tokens - body.reasoning_tokens, 0),
        output_reasoning: body.reasoning_tokens,
      });
      const times = (number: number | null | undefined) =>
        number === null || number === undefined ? null : nanoToNumber(cost.nano * BigInt(number));
      return {
        model: body.model,
        input_tokens: body.input_tokens,
        output_tokens: body.output_tokens,
        num_requests_per_day: body.num_requests_per_day ?? null,
        num_requests_per_month: body.num_requests_per_month ?? null,
        cost_per_request: nanoToNumber(cost.nano),
        input_cost_per_request: nanoToNumber(cost.inputNano),
        output_cost_per_request: nanoToNumber(cost.outputNano),
        daily_cost: times(body.num_requests_per_day),
        monthly_cost: times(body.num_requests_per_month),
      };
    },
  }),
];

function priced(snapshot: Snapshot, model: string, buckets: Buckets): Cost {
  const sheet = sheetOf(snapshot, model);
  if (sheet === undefined) {
    throw badRequest(
      `Bad Request - the model '${model}' has no known price; it is not free, its price is unknown`,
      "model",
    );
  }
  return costOf({ buckets }, sheet, { at: Date.now() });
}

/** The prices of the first deployment of that name, else the catalogue's. */
function sheetOf(snapshot: Snapshot, model: string): PriceSheet | undefined {
  const name = snapshot.aliases.get(model)?.model ?? model;
  for (const deployment of snapshot.groups.get(name) ?? []) {
    const sheet = pricesFor(deployment, deployment.upstreamModel);
    if (sheet !== undefined) return sheet;
  }
  const entry = findEntry(name);
  return entry === undefined ? undefined : priceSheet({ entry, name });
}

/** OpenAI's usage object as disjoint buckets. */
function bucketsOf(usage: JsonObject): Buckets {
  const number = (value: unknown) => (typeof value === "number" && value > 0 ? value : 0);
  const prompt = asObject(usage.prompt_tokens_details);
  const completion = asObject(usage.completion_tokens_details);
  const cached = number(asNumber(prompt?.cached_tokens) ?? asNumber(usage.cache_read_input_tokens));
  const written = number(asNumber(prompt?.cache_creation_tokens) ?? asNumber(usage.cache_creation_input_tokens));
  const reasoning = number(asNumber(completion?.reasoning_tokens));
  return {
    input: Math.max(number(usage.prompt_tokens) - cached - written, 0),
    cache_read: cached,
    cache_write_5m: written,
    output: Math.max(number(usage.completion_tokens) - reasoning, 0),
    output_reasoning: reasoning,
  };
}
