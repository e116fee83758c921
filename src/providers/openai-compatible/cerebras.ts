import type { JsonObject } from "../../json/json.ts";
import { reasoningContent, repairChat } from "./normalise.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

const repair = (body: JsonObject) => repairChat(body, { messages: [reasoningContent] });
const UNSUPPORTED = "Cerebras answers 400 to it (https://inference-docs.cerebras.ai/resources/openai, 2026-11-24)";

export const cerebras: OpenAiCompatibleRow = {
  id: "cerebras",
  label: "Cerebras",
  documentation: "https://inference-docs.cerebras.ai/api-reference/chat-completions",
  base: "https://api.cerebras.ai/v1",
  keys: ["CEREBRAS_API_KEY"],
  bases: ["CEREBRAS_API_BASE"],
  serves: ["chat", "completions"],
  parameters: {
    unsupported: {
      n: UNSUPPORTED,
      frequency_penalty: UNSUPPORTED,
      presence_penalty: UNSUPPORTED,
      logit_bias: UNSUPPORTED,
    },
  },
  normaliseResponse: repair,
  normaliseFrame: repair,
  frameMarks: ['"reasoning"'],
};
