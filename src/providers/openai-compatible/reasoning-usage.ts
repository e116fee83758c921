import { asNumber, asObject, type JsonObject } from "../../json/json.ts";

/**
 * Grok's chat answers count reasoning beside `completion_tokens` instead of inside (recorded: 204 + 1 + 82 = 287 in
 * total). Told by the sum, so that the repair ends by itself should the provider change its mind.
 */
export function reasoningInCompletion(body: JsonObject): JsonObject {
  const usage = asObject(body.usage);
  const reasoning = asNumber(asObject(usage?.completion_tokens_details)?.reasoning_tokens);
  const prompt = asNumber(usage?.prompt_tokens);
  const completion = asNumber(usage?.completion_tokens);
  const total = asNumber(usage?.total_tokens);
  if (usage === undefined || !reasoning || prompt === undefined || completion === undefined) return body;
  if (prompt + completion + reasoning !== total) return body;
  return { ...body, usage: { ...usage, completion_tokens: completion + reasoning } };
}
