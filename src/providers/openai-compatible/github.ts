import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

/** GitHub Models; the newer host has its path, the older one none. */
export const github: OpenAiCompatibleRow = {
  id: "github",
  label: "Github",
  documentation: "https://docs.github.com/en/rest/models/inference",
  base: "https://models.inference.ai.azure.com",
  hosts: ["models.github.ai"],
  keys: ["GITHUB_API_KEY"],
  bases: ["GITHUB_API_BASE"],
  serves: ["chat", "embeddings"],
};
