import { asNumber, asString, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { ConversationRequest, Reasoning } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import type { ModelFamily } from "./model-family.ts";
import { FORMAT, otherMembers } from "./types.ts";

/** The smallest budget that Anthropic takes. */
const FLOOR = 1024;
/** Room for the answer beside a budget, where the caller set no maximum. */
export const ANSWER_TOKENS = 4096;
const BUDGETS: Readonly<Record<string, number>> = { minimal: FLOOR, low: 1024, medium: 2048, high: 4096 };

const KNOWN = new Set(["type", "budget_tokens", "display"]);
const OUTPUT = new Set(["effort", "format"]);

/** `thinking` and `output_config`; what has no word in the conversation is in `other`, by top-level field. */
export function decodeThinkingConfig(
  thinking: JsonObject | undefined,
  output: JsonObject | undefined,
): { readonly reasoning?: Reasoning; readonly other: JsonObject } {
  const other: MutableJsonObject = {};
  const outputRest = output === undefined ? undefined : otherMembers(output, OUTPUT);
  if (outputRest !== undefined) other.output_config = outputRest;
  const effort = asString(output?.effort);
  const mode = asString(thinking?.type);
  const known = mode === "enabled" || mode === "disabled" || mode === "adaptive";
  if (thinking !== undefined) {
    // A kind of thinking that came later: whole for Anthropic, `adaptive` for everybody else.
    const rest = known ? otherMembers(thinking, KNOWN) : thinking;
    if (rest !== undefined) other.thinking = rest;
  }
  const budgetTokens = asNumber(thinking?.budget_tokens);
  const display = asString(thinking?.display);
  const reasoning: Reasoning = {
    ...(effort === undefined ? {} : { effort }),
    ...(budgetTokens === undefined ? {} : { budgetTokens }),
    ...(thinking === undefined ? {} : { mode: known ? mode : "adaptive" }),
    ...(display === undefined ? {} : { summary: display === "omitted" ? "none" : "auto" }),
  };
  return { ...(Object.keys(reasoning).length === 0 ? {} : { reasoning }), other };
}

/** What a request's reasoning becomes. `derived` says that the budget was chosen here and may be lowered. */
export interface EncodedThinking {
  readonly thinking?: JsonObject;
  readonly effort?: string;
  readonly derived?: boolean;
}

/** Reasoning → `thinking` and `output_config.effort`, as the model's family takes them. */
export function encodeThinking(
  request: ConversationRequest,
  family: ModelFamily,
  context: RequestContext,
): EncodedThinking {
  const reasoning = request.reasoning;
  if (reasoning === undefined) return {};
  const own = request.extensions?.format === FORMAT;
  // Who only wants no thinking shown does not ask for any.
  if (reasoning.summary === "none" && Object.keys(reasoning).length === 1) return {};
  const off =
    reasoning.mode === "disabled" ||
    reasoning.budgetTokens === 0 ||
    reasoning.effort === "none" ||
    reasoning.effort === "disable";
  if (family.thinking === "none" || context.capabilities.reasoning === false) {
    if (!off) context.report.unsupported("reasoning_effort", `${context.model} does not think`);
    return {};
  }
  if (off) {
    const effort = own ? effortFor(reasoning.effort, family, context) : undefined;
    const say = reasoning.mode === "disabled" || family.thinksByDefault;
    return { ...(say ? { thinking: { type: "disabled" } } : {}), ...(effort === undefined ? {} : { effort }) };
  }
  const effort = effortFor(reasoning.effort, family, context);
  // Anthropic's own clients may set the effort of a model that does not think.
  if (own && reasoning.mode === undefined && reasoning.budgetTokens === undefined) {
    return effort === undefined ? {} : { effort };
  }
  const display = displayOf(reasoning, family);
  if (reasoning.summary === "none" && display.display === undefined) {
    context.report.dropped("reasoning.summary", `${context.model} shows its thinking`);
  }
  const budget = reasoning.budgetTokens;
  if (family.thinking === "budget" || (family.thinking === "either" && budget !== undefined)) {
    if (reasoning.mode === "adaptive") {
      context.report.converted("thinking", `${context.model} has no adaptive thinking: a budget instead`);
    }
    return {
      thinking: { type: "enabled", budget_tokens: budgetFor(reasoning, context), ...display },
      ...(effort === undefined ? {} : { effort }),
      derived: budget === undefined,
    };
  }
  if (budget === undefined) {
    return { thinking: { type: "adaptive", ...display }, ...(effort === undefined ? {} : { effort }) };
  }
  context.report.converted("thinking", `${context.model} has no thinking budgets: adaptive thinking instead`);
  return { thinking: { type: "adaptive", ...display }, effort: effort ?? effortOfBudget(budget) };
}

function budgetFor(reasoning: Reasoning, context: RequestContext): number {
  const asked = reasoning.budgetTokens ?? BUDGETS[reasoning.effort ?? "medium"] ?? ANSWER_TOKENS;
  if (reasoning.budgetTokens === undefined || asked >= FLOOR) return asked;
  context.report.clamped("thinking.budget_tokens", FLOOR, "Anthropic's smallest thinking budget");
  return FLOOR;
}

function effortOfBudget(budget: number): string {
  return budget >= 4096 ? "high" : budget >= 2048 ? "medium" : "low";
}

/** The effort that goes upstream; undefined where the model has none or the caller set none. */
function effortFor(effort: string | undefined, family: ModelFamily, context: RequestContext): string | undefined {
  if (effort === undefined || effort === "none" || effort === "disable") return undefined;
  if (family.efforts.length === 0) {
    if (BUDGETS[effort] === undefined) unsupportedLevel(effort, Object.keys(BUDGETS), context);
    return undefined;
  }
  if (family.efforts.includes(effort)) return effort;
  if (effort === "minimal") {
    context.report.clamped("reasoning_effort", "low", "Anthropic's lowest effort");
    return "low";
  }
  unsupportedLevel(effort, family.efforts, context);
  return "high";
}

function unsupportedLevel(effort: string, levels: readonly string[], context: RequestContext): void {
  context.report.unsupported(
    "reasoning_effort",
    `${context.model} has no effort ${effort}; its levels are ${levels.join(", ")}`,
  );
}

function displayOf(reasoning: Reasoning, family: ModelFamily): JsonObject {
  if (reasoning.summary === undefined || (family.thinking === "budget" && reasoning.mode === undefined)) return {};
  return { display: reasoning.summary === "none" ? "omitted" : "summarized" };
}

/**
 * Fits the budget under the answer's maximum. A budget that was derived from an effort is lowered; one that the caller
 * wrote stays, since Anthropic explains best what is wrong with it.
 */
export function fitBudget(encoded: EncodedThinking, maxTokens: number, context: RequestContext): EncodedThinking {
  const budget = asNumber(encoded.thinking?.budget_tokens);
  if (encoded.derived !== true || budget === undefined || budget < maxTokens) return encoded;
  if (maxTokens > FLOOR) {
    context.report.clamped("reasoning_effort", maxTokens - 1, "the thinking budget must be below max_tokens");
    return { ...encoded, thinking: { ...encoded.thinking, budget_tokens: maxTokens - 1 } };
  }
  context.report.dropped(
    "reasoning_effort",
    "max_tokens leaves no room for the smallest thinking budget, 1,024 tokens",
  );
  return encoded.effort === undefined ? {} : { effort: encoded.effort };
}
