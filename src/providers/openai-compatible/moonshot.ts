import { asArray, type MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** https://platform.moonshot.ai/docs/guide/migrating-from-openai-to-kimi (2026-11-24) */
function moonshotBody(body: MutableJsonObject, call: Call): void {
  if (typeof body.n === "number" && body.n > 1 && typeof body.temperature === "number" && body.temperature < 0.3) {
    body.temperature = 0.3;
    call.report.clamped("temperature", 0.3, "several answers need at least 0.3");
  }
  if (body.tool_choice !== "required") return;
  delete body.tool_choice;
  body.messages = [...asArray(body.messages), { role: "user", content: "Answer by calling one of the tools." }];
  call.report.converted("tool_choice", "Moonshot has no required: a user message asks for a tool instead");
}

export const moonshot: OpenAiCompatibleRow = {
  id: "moonshot",
  label: "Moonshot",
  documentation: "https://platform.moonshot.ai/docs/api/chat",
  base: "https://api.moonshot.ai/v1",
  hosts: ["api.moonshot.cn"],
  keys: ["MOONSHOT_API_KEY"],
  bases: ["MOONSHOT_API_BASE"],
  serves: ["chat", "completions"],
  parameters: {
    rename: { max_completion_tokens: "max_tokens" },
    clamp: { temperature: { min: 0, max: 1 } },
    flattenContent: true,
    custom: moonshotBody,
  },
};
