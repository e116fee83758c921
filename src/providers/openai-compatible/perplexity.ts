import { asArray, isObject, type Json, type JsonObject } from "../../json/json.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** Each frame repeats the whole answer so far as `message`; only `delta` is new. */
function withoutGrowingMessage(frame: JsonObject): JsonObject {
  const choices = asArray(frame.choices);
  if (!choices.some((choice) => isObject(choice) && choice.message !== undefined && choice.delta !== undefined)) {
    return frame;
  }
  return {
    ...frame,
    choices: choices.map((choice) => {
      if (!isObject(choice) || choice.delta === undefined) return choice;
      const { message: _, ...rest } = choice;
      return rest;
    }),
  };
}

/** Vectors come as base64 of signed bytes, whatever was asked for. */
function decodeVectors(body: JsonObject): JsonObject {
  const data = asArray(body.data);
  if (!data.some((item) => isObject(item) && typeof item.embedding === "string")) return body;
  return { ...body, data: data.map(decodeVector) };
}

function decodeVector(item: Json): Json {
  if (!isObject(item) || typeof item.embedding !== "string") return item;
  const bytes = Int8Array.from(atob(item.embedding), (character) => character.charCodeAt(0));
  return { ...item, embedding: [...bytes] };
}

const UNSUPPORTED =
  "Perplexity has no tools (https://docs.perplexity.ai/api-reference/chat-completions-post, 2026-11-24)";

export const perplexity: OpenAiCompatibleRow = {
  id: "perplexity",
  label: "Perplexity",
  documentation: "https://docs.perplexity.ai/api-reference",
  base: "https://api.perplexity.ai",
  keys: ["PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"],
  bases: ["PERPLEXITY_API_BASE"],
  serves: ["chat", "responses", "embeddings"],
  paths: { responses: "/v1/responses", embeddings: "/v1/embeddings" },
  parameters: {
    rename: { max_completion_tokens: "max_tokens" },
    unsupported: {
      tools: UNSUPPORTED,
      tool_choice: UNSUPPORTED,
      parallel_tool_calls: UNSUPPORTED,
      functions: UNSUPPORTED,
      function_call: UNSUPPORTED,
    },
  },
  streamUsageOption: false,
  normaliseFrame: withoutGrowingMessage,
  normalise: { embeddings: decodeVectors },
};
