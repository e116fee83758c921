import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** `user.app.model` names the model's page, which is its id: https://docs.clarifai.com/compute/inference/open-ai (2026-11-24). */
function upstreamModel(model: string): string {
  if (model.includes("/")) return model;
  const [user, app, ...rest] = model.split(".");
  return rest.length === 0 ? model : `https://clarifai.com/${user}/${app}/models/${rest.join(".")}`;
}

export const clarifai: OpenAiCompatibleRow = {
  id: "clarifai",
  label: "Clarifai",
  documentation: "https://docs.clarifai.com/compute/inference/open-ai",
  base: "https://api.clarifai.com/v2/ext/openai/v1",
  keys: ["CLARIFAI_API_KEY", "CLARIFAI_PAT"],
  bases: ["CLARIFAI_API_BASE"],
  serves: ["chat", "embeddings"],
  upstreamModel,
};
