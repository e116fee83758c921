import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { refuseField } from "../parameters.ts";
import type { Call } from "../provider.ts";
import { finishWithToolCalls, reasoningContent, repairChat } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { reasoningInCompletion } from "./reasoning-usage.ts";

const repair = (body: JsonObject) =>
  repairChat(body, {
    messages: [reasoningContent],
    top: [reasoningInCompletion, finishWithToolCalls],
    finish: { "": "stop" },
  });
const repairFrame = (body: JsonObject) => repairChat(body, { top: [reasoningInCompletion] });

/** https://docs.x.ai/docs/guides/reasoning (2026-11-24) */
const REASONING = /grok-3-mini|grok-code|grok-([4-9])(?!.*non-reasoning)/;
const WITHOUT_EFFORT = /grok-4(-0709|-latest)?$|grok-4(-1)?-fast|grok-code-fast|grok-3(?!-mini)|grok-2/;

function reasoningModels(body: MutableJsonObject, call: Call): void {
  if (WITHOUT_EFFORT.test(call.model)) {
    refuseField(body, "reasoning_effort", "this model has no choice of effort", call);
  }
  if (!REASONING.test(call.model)) return;
  for (const field of ["stop", "presence_penalty", "frequency_penalty"]) {
    refuseField(body, field, "xAI's reasoning models refuse it", call);
  }
}

/** A wrong key is answered with 400 and `error` as a plain sentence. */
function classifyError(failure: UpstreamFailure, status: number, body: string): UpstreamFailure {
  if (status !== 400 || !/incorrect api key|invalid api key/i.test(body)) return failure;
  return { ...failure, code: "authentication", upstreamStatus: 401 };
}

const IMAGE_FIELD = "xAI's images take no such field";

export const xai: OpenAiCompatibleRow = {
  id: "xai",
  label: "Xai",
  documentation: "https://docs.x.ai/docs/api-reference",
  base: "https://api.x.ai/v1",
  keys: ["XAI_API_KEY"],
  bases: ["XAI_API_BASE"],
  serves: ["chat", "responses", "completions", "image-generation", "image-edit", "realtime"],
  owner: "xai",
  keepsResponses: true,
  parameters: { stripSchemaKeywords: ["strict"], custom: reasoningModels },
  rules: {
    "image-generation": { unsupported: { size: IMAGE_FIELD, quality: IMAGE_FIELD, style: IMAGE_FIELD } },
  },
  normaliseResponse: repair,
  normaliseFrame: repairFrame,
  frameMarks: ['"reasoning_tokens"'],
  classifyError,
};
