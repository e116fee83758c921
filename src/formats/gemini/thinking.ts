import { asBoolean, asNumber, asString, type JsonObject } from "../../json/json.ts";
import type { Reasoning } from "../conversation.ts";
import type { ParameterReport } from "../report.ts";
import { field } from "./wire.ts";

/** Thinking budgets by effort for Gemini 2.5 (LiteLLM's figures; the API itself takes numbers only). */
const BUDGETS: Readonly<Record<string, number>> = { low: 1024, medium: 2048, high: 4096, xhigh: 8192, max: 16_384 };

function minimalBudget(model: string): number {
  if (model.includes("flash-lite")) return 512;
  return model.includes("pro") ? 128 : 1;
}

/** Gemini 3 and later take a level instead of a budget; both in one request are refused (Gemini docs, Thinking, 2026-11). */
export function takesThinkingLevel(model: string): boolean {
  const version = /gemini-(\d+)/.exec(model)?.[1];
  return version !== undefined && Number(version) >= 3;
}

/** `thinkingConfig` for what the caller asked. */
export function encodeThinking(
  reasoning: Reasoning | undefined,
  model: string,
  report: ParameterReport,
): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const includeThoughts = reasoning.summary !== "none";
  const off =
    reasoning.mode === "disabled" ||
    reasoning.effort === "none" ||
    reasoning.effort === "disable" ||
    reasoning.budgetTokens === 0;
  if (takesThinkingLevel(model)) return encodeLevel(reasoning, model, off, includeThoughts, report);
  if (off) {
    if (model.includes("2.5-pro")) {
      report.clamped("reasoning_effort", minimalBudget(model), "Gemini 2.5 Pro cannot stop thinking");
      return { thinkingBudget: minimalBudget(model), includeThoughts: false };
    }
    return { thinkingBudget: 0, includeThoughts: false };
  }
  if (reasoning.budgetTokens !== undefined) return { thinkingBudget: reasoning.budgetTokens, includeThoughts };
  if (reasoning.effort === undefined)
    return reasoning.mode === undefined ? { includeThoughts } : { thinkingBudget: -1, includeThoughts };
  const budget = reasoning.effort === "minimal" ? minimalBudget(model) : BUDGETS[reasoning.effort];
  if (budget === undefined) {
    report.unsupported("reasoning_effort", `Gemini has no thinking budget for '${reasoning.effort}'`);
    return undefined;
  }
  return { thinkingBudget: budget, includeThoughts };
}

function encodeLevel(
  reasoning: Reasoning,
  model: string,
  off: boolean,
  includeThoughts: boolean,
  report: ParameterReport,
): JsonObject | undefined {
  const flash = model.includes("flash");
  if (off) {
    const lowest = flash ? "minimal" : "low";
    report.clamped("reasoning_effort", lowest, "Gemini 3 cannot stop thinking");
    return { thinkingLevel: lowest, includeThoughts: false };
  }
  let effort = reasoning.effort;
  if (effort === undefined && reasoning.budgetTokens !== undefined) {
    effort = reasoning.budgetTokens < 2048 ? "low" : reasoning.budgetTokens < 8192 ? "medium" : "high";
    report.converted("thinking.budget_tokens", `Gemini 3 takes a thinking level: ${effort}`);
  }
  switch (effort) {
    case undefined:
      return reasoning.mode === undefined && reasoning.summary === undefined ? undefined : { includeThoughts };
    case "minimal":
      return { thinkingLevel: flash ? "minimal" : "low", includeThoughts };
    case "low":
    case "medium":
    case "high":
      return { thinkingLevel: effort, includeThoughts };
    default:
      report.clamped("reasoning_effort", "high", "the highest thinking level of Gemini 3");
      return { thinkingLevel: "high", includeThoughts };
  }
}

/** A client's `thinkingConfig`. */
export function decodeThinking(config: JsonObject | undefined): Reasoning | undefined {
  if (config === undefined) return undefined;
  const budget = asNumber(field(config, "thinkingBudget"));
  const level = asString(field(config, "thinkingLevel"))?.toLowerCase();
  const shown = asBoolean(field(config, "includeThoughts"));
  return {
    ...(level === undefined || level === "thinking_level_unspecified" ? {} : { effort: level }),
    ...(budget === undefined || budget < 0 ? {} : { budgetTokens: budget }),
    ...(budget === 0
      ? { mode: "disabled" as const }
      : budget === -1
        ? { mode: "adaptive" as const }
        : budget === undefined
          ? {}
          : { mode: "enabled" as const }),
    ...(shown === undefined ? {} : { summary: shown ? "auto" : "none" }),
  };
}
