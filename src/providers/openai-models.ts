import type { MutableJsonObject } from "../json/json.ts";
import { chatRules } from "./openai-compatible/openai-compatible.ts";
import { refuseField } from "./parameters.ts";
import type { Call, ParameterRules } from "./provider.ts";

/** OpenAI's model families, as far as their parameters differ. */
export type OpenAiFamily = "o-series" | "gpt-5" | "gpt-5.1+" | "search" | "other";

/**
 * The family that a model or deployment name tells.
 * https://developers.openai.com/api/docs/guides/reasoning (2026-11-24): reasoning models take no sampling parameters.
 */
export function openaiFamily(name: string): OpenAiFamily {
  const model = name.toLowerCase();
  if (/search-(preview|api)/.test(model)) return "search";
  if (model.includes("o_series/") || /(^|[^a-z0-9])o[134](?![0-9a-z])/.test(model)) return "o-series";
  const generation = /gpt-?([5-9])(?:\.(\d+))?/.exec(model);
  if (generation !== null && !/-chat(-|$)/.test(model)) {
    return generation[1] === "5" && generation[2] === undefined ? "gpt-5" : "gpt-5.1+";
  }
  return model.includes("gpt5_series/") ? "gpt-5" : "other";
}

const O_SERIES_REFUSED = ["top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"];
const GPT_5_REFUSED = [...O_SERIES_REFUSED, "stop", "prediction", "audio"];
const SEARCH_REFUSED = [
  "temperature",
  "top_p",
  "n",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "seed",
  "logprobs",
  "top_logprobs",
];
const MINI_PREVIEW = /(^|[^a-z0-9])o1-(mini|preview)/;

/** OpenAI's and Azure OpenAI's rules for Chat Completions; the family is read from the real model's name. */
export const OPENAI_CHAT_RULES: ParameterRules = chatRules({
  custom: (body, call) => applyFamilyRules(body, call),
});

function applyFamilyRules(body: MutableJsonObject, call: Call): void {
  const name = call.baseModel ?? (call.target.options?.family as string | undefined) ?? call.model;
  const family = openaiFamily(name);
  if (family === "other") return;
  if (family === "search") {
    for (const field of SEARCH_REFUSED) refuseField(body, field, "search models take no sampling parameters", call);
    return;
  }
  renameMaxTokens(body, call);
  // From GPT-5.1 on the default effort is `none`, and without reasoning the sampling parameters are back.
  const effort = body.reasoning_effort ?? "none";
  if (family === "gpt-5.1+" && effort === "none") return;
  for (const field of family === "o-series" ? O_SERIES_REFUSED : GPT_5_REFUSED) {
    if (field === "top_p" && body[field] === 1) continue;
    refuseField(body, field, "reasoning models do not take it", call);
  }
  refuseTemperature(body, call);
  if (family === "o-series" && MINI_PREVIEW.test(name.toLowerCase())) systemAsUser(body, call);
}

function renameMaxTokens(body: MutableJsonObject, call: Call): void {
  const value = body.max_tokens;
  if (value === undefined) return;
  delete body.max_tokens;
  if (body.max_completion_tokens !== undefined) {
    call.report.dropped("max_tokens", "max_completion_tokens is set as well and says the same");
    return;
  }
  body.max_completion_tokens = value;
  call.report.renamed("max_tokens", "max_completion_tokens", "reasoning models know only this name");
}

function refuseTemperature(body: MutableJsonObject, call: Call): void {
  if (body.temperature !== 1) refuseField(body, "temperature", "reasoning models take only 1", call);
}

/** o1-mini and o1-preview refuse system messages. */
function systemAsUser(body: MutableJsonObject, call: Call): void {
  const messages = body.messages;
  if (!Array.isArray(messages)) return;
  const isSystem = (message: unknown) =>
    typeof message === "object" &&
    message !== null &&
    "role" in message &&
    (message.role === "system" || message.role === "developer");
  if (!messages.some(isSystem)) return;
  body.messages = messages.map((message) => (isSystem(message) ? { ...message, role: "user" } : message));
  call.report.converted("messages[].role", "o1-mini and o1-preview take system messages as the user's");
}
