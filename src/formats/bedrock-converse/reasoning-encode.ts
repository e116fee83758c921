import type { JsonObject } from "../../json/json.ts";
import { type EncodedThinking, encodeThinking } from "../anthropic-messages/thinking.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ModelTraits } from "./model-traits.ts";

const NOVA_EFFORTS = ["low", "medium", "high"];

/** Reasoning as the model behind Converse takes it, all of it in `additionalModelRequestFields`. */
export function encodeReasoning(
  request: ConversationRequest,
  traits: ModelTraits,
  context: RequestContext,
): { readonly thinking: EncodedThinking; readonly additional: JsonObject } {
  const { reasoning } = request;
  if (reasoning === undefined) return { thinking: {}, additional: {} };
  if (traits.family !== undefined) return { thinking: encodeThinking(request, traits.family, context), additional: {} };
  const off = reasoning.mode === "disabled" || reasoning.budgetTokens === 0 || reasoning.effort === "none";
  const effort = reasoning.effort ?? effortOfBudget(reasoning.budgetTokens);
  switch (traits.kind) {
    case "nova-2": {
      // https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html (2026-11)
      if (off) return { thinking: {}, additional: { reasoningConfig: { type: "disabled" } } };
      const level = nearest(effort, context);
      return { thinking: {}, additional: { reasoningConfig: { type: "enabled", maxReasoningEffort: level } } };
    }
    case "gpt-oss":
      if (!off) return { thinking: {}, additional: { reasoning_effort: nearest(effort, context) } };
      context.report.dropped("reasoning_effort", `${context.model} always thinks`);
      return { thinking: {}, additional: {} };
    case "deepseek-r1":
      context.report.dropped("reasoning_effort", `${context.model} always thinks, and as much as it likes`);
      return { thinking: {}, additional: {} };
    default:
      if (!off) context.report.unsupported("reasoning_effort", `${context.model} takes no effort over Converse`);
      return { thinking: {}, additional: {} };
  }
}

function effortOfBudget(budget: number | undefined): string {
  return budget === undefined ? "medium" : budget >= 4096 ? "high" : budget >= 2048 ? "medium" : "low";
}

function nearest(effort: string, context: RequestContext): string {
  if (NOVA_EFFORTS.includes(effort)) return effort;
  if (effort === "minimal") {
    context.report.clamped("reasoning_effort", "low", "the lowest effort of the model");
    return "low";
  }
  context.report.unsupported("reasoning_effort", `${context.model} has the efforts ${NOVA_EFFORTS.join(", ")}`);
  return "high";
}
