import { isObject, type MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";

/** For models whose thinking is only on or off: `thinking.type` without a budget, from `reasoning_effort` if need be. */
export function thinkingSwitch(body: MutableJsonObject, call: Call): void {
  const effort = body.reasoning_effort;
  if (effort !== undefined) {
    delete body.reasoning_effort;
    if (body.thinking === undefined && effort !== null) {
      body.thinking = { type: effort === "none" ? "disabled" : "enabled" };
    }
    call.report.converted("reasoning_effort", "thinking can only be switched on or off");
  }
  const thinking = body.thinking;
  if (!isObject(thinking) || thinking.budget_tokens === undefined) return;
  const { budget_tokens: _, ...rest } = thinking;
  body.thinking = rest;
  call.report.dropped("thinking.budget_tokens", "thinking can only be switched on or off");
}
