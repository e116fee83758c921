import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ModelFamily } from "./model-family.ts";
import type { EncodedThinking } from "./thinking.ts";
import { FORMAT } from "./types.ts";

/** Temperature, top_p, top_k and stop sequences, within what the model takes. */
export function encodeSampling(
  request: ConversationRequest,
  family: ModelFamily,
  thinking: EncodedThinking,
  context: RequestContext,
): JsonObject {
  const { sampling } = request;
  const { report } = context;
  const body: MutableJsonObject = {};
  if (sampling.temperature !== undefined) {
    const temperature = Math.min(Math.max(sampling.temperature, 0), 1);
    if (temperature !== sampling.temperature) {
      report.clamped("temperature", temperature, "Anthropic's temperature lies between 0 and 1");
    }
    body.temperature = temperature;
  }
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  if (sampling.topK !== undefined) body.top_k = sampling.topK;
  if (request.extensions?.format !== FORMAT) removeRefused(body, family, thinking, context);
  if (sampling.stop !== undefined) {
    const stop = sampling.stop.filter((entry) => entry.trim() !== "");
    if (stop.length < sampling.stop.length) report.dropped("stop", "Anthropic refuses stop sequences of whitespace");
    if (stop.length > 0) body.stop_sequences = stop;
  }
  return body;
}

/**
 * What the model would refuse. An Anthropic client's values stay as they are: Anthropic answers them itself.
 * https://platform.claude.com/docs/en/about-claude/models/migration-guide (2026-11)
 */
function removeRefused(
  body: MutableJsonObject,
  family: ModelFamily,
  thinking: EncodedThinking,
  context: RequestContext,
): void {
  const { report, model } = context;
  const refuse = (field: string, reason: string): void => {
    if (body[field] === undefined) return;
    delete body[field];
    report.unsupported(field, reason);
  };
  if (family.sampling === "none") {
    for (const field of ["temperature", "top_p"]) {
      // The default may be named, but is better left out.
      if (body[field] === 1) {
        delete body[field];
        report.dropped(field, `${model} samples as it is; 1 is the default`);
      }
      refuse(field, `${model} takes no sampling parameters`);
    }
    refuse("top_k", `${model} takes no sampling parameters`);
    return;
  }
  if (thinking.thinking !== undefined && thinking.thinking.type !== "disabled") {
    if (body.temperature !== 1) refuse("temperature", "with thinking on, the temperature must be 1");
    if (typeof body.top_p === "number" && body.top_p < 0.95)
      refuse("top_p", "with thinking on, top_p is at least 0.95");
    refuse("top_k", "with thinking on, there is no top_k");
  }
  if (family.sampling === "one" && body.temperature !== undefined) {
    refuse("top_p", `${model} takes temperature or top_p, not both`);
  }
}

/** Anthropic's tiers; OpenAI's are translated where they mean the same. */
export function serviceTier(tier: string | undefined, context: RequestContext): string | undefined {
  switch (tier) {
    case undefined:
    case "auto":
    case "standard_only":
      return tier;
    case "default":
    case "standard":
      context.report.converted("service_tier", "Anthropic calls it standard_only");
      return "standard_only";
    case "priority":
      context.report.converted("service_tier", "Anthropic's auto uses priority capacity where there is some");
      return "auto";
    default:
      context.report.unsupported("service_tier", `Anthropic has no tier ${tier}`);
      return undefined;
  }
}
