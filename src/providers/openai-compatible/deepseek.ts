import { asArray, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { thinkingSwitch } from "./thinking-switch.ts";

/**
 * Thinking of earlier turns is refused or wasted; inside an unfinished tool loop it must come back.
 * https://api-docs.deepseek.com/guides/thinking_mode (2026-11-24)
 */
function forgetOldThinking(body: MutableJsonObject, call: Call): void {
  const messages = asArray(body.messages);
  const lastUser = messages.findLastIndex((message) => isObject(message) && message.role === "user");
  const old = (message: Json, index: number) =>
    index < lastUser && isObject(message) && message.reasoning_content !== undefined;
  if (!messages.some(old)) return;
  body.messages = messages.map((message, index) => {
    if (!old(message, index)) return message;
    const { reasoning_content: _, ...rest } = message as JsonObject;
    return rest;
  });
  call.report.dropped("messages[].reasoning_content", "thinking of earlier turns does not go back");
}

const root = (base: string) => base.replace(/\/(beta|v1)$/, "");

export const deepseek: OpenAiCompatibleRow = {
  id: "deepseek",
  label: "DeepSeek",
  documentation: "https://api-docs.deepseek.com/",
  // The beta base adds prefix completion and strict tools to the same models.
  base: "https://api.deepseek.com/beta",
  bareHost: true,
  keys: ["DEEPSEEK_API_KEY"],
  bases: ["DEEPSEEK_API_BASE"],
  serves: ["chat", "responses", "completions"],
  paths: { responses: ({ target }) => `${root(target.base)}/responses` },
  owner: "deepseek",
  parameters: {
    flattenContent: true,
    rename: { max_completion_tokens: "max_tokens" },
    custom: (body, call) => {
      thinkingSwitch(body, call);
      forgetOldThinking(body, call);
    },
  },
};
