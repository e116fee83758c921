import { asArray, asObject, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";
import type { Call } from "../provider.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { rankingsFromData } from "./rerank-shapes.ts";

const MODEL_PREFIX = "accounts/fireworks/models/";

/** Short names are models of Fireworks itself; `#` names a deployment, a slash somebody's account or a publisher. */
function upstreamModel(model: string): string {
  const whole = model.includes("/") || model.includes("#") || model.startsWith("whisper");
  return whole ? model : `${MODEL_PREFIX}${model}`;
}

function fireworksBody(body: MutableJsonObject, call: Call): void {
  if (body.tool_choice === "required") {
    body.tool_choice = "any";
    call.report.converted("tool_choice", "Fireworks' word for required is any");
  }
  inlineImages(body, call);
}

/**
 * Models without eyes read an image as text when its URL ends in `#transform=inline`.
 * https://docs.fireworks.ai/guides/document-inlining (2026-11-24)
 */
function inlineImages(body: MutableJsonObject, call: Call): void {
  if (call.facts.supports.vision !== false || call.target.options?.inlineImages === false) return;
  const messages = asArray(body.messages);
  let changed = false;
  const rewritten = messages.map((message): Json => {
    if (!isObject(message) || !Array.isArray(message.content)) return message;
    const content = (message.content as readonly Json[]).map((part) => {
      const inlined = inlineImage(part);
      if (inlined !== part) changed = true;
      return inlined;
    });
    return { ...message, content };
  });
  if (!changed) return;
  body.messages = rewritten;
  call.report.converted("messages[].content[].image_url", "inlined as text: the model does not see images");
}

function inlineImage(part: Json): Json {
  const image = asObject(part)?.image_url;
  const url = typeof image === "string" ? image : asObject(image)?.url;
  if (typeof url !== "string" || url.includes("#transform=inline")) return part;
  const marked = `${url}#transform=inline`;
  return {
    ...(part as JsonObject),
    image_url: typeof image === "string" ? marked : { ...(image as JsonObject), url: marked },
  };
}

export const fireworksAi: OpenAiCompatibleRow = {
  id: "fireworks_ai",
  aliases: ["fireworks"],
  label: "FireworksAI",
  documentation: "https://docs.fireworks.ai/api-reference/post-chatcompletions",
  base: "https://api.fireworks.ai/inference/v1",
  // Transcription has a host of its own, given as `api_base`.
  hosts: ["audio-prod.api.fireworks.ai", "audio-turbo.api.fireworks.ai"],
  keys: ["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"],
  bases: ["FIREWORKS_API_BASE"],
  serves: ["chat", "responses", "completions", "embeddings", "rerank", "image-generation", "transcription"],
  upstreamModel,
  parameters: { rename: { max_completion_tokens: "max_tokens" }, custom: fireworksBody },
  normalise: { rerank: rankingsFromData },
};
