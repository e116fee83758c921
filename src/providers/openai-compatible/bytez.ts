import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

export const bytez: OpenAiCompatibleRow = {
  id: "bytez",
  label: "Bytez",
  documentation: "https://docs.bytez.com/http-reference/examples/openai-compliant/chatCompletionsExample",
  read: "2026-11-26",
  base: "https://api.bytez.com/models/v2/openai/v1",
  keys: ["BYTEZ_API_KEY"],
  bases: ["BYTEZ_API_BASE"],
  serves: ["chat"],
};
