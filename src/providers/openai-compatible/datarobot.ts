import { parseBase } from "../base-url.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";

const GATEWAY_PATH = "/api/v2/genai/llmgw";

/** A deployment keeps its own path; every other address leads to the LLM gateway of the same host. */
export const datarobot: OpenAiCompatibleRow = {
  id: "datarobot",
  label: "DataRobot",
  documentation: "https://docs.datarobot.com/en/docs/gen-ai/genai-code/dr-llm-gateway.html",
  base: `https://app.datarobot.com${GATEWAY_PATH}`,
  keys: ["DATAROBOT_API_TOKEN", "DATAROBOT_API_KEY"],
  bases: ["DATAROBOT_ENDPOINT"],
  serves: ["chat"],
  address: (_input, given) => {
    if (given === undefined) return parseBase(`https://app.datarobot.com${GATEWAY_PATH}`);
    const path = given.path.replace(/\/chat\/completions$/, "");
    const root = given.base.slice(0, given.base.length - given.path.length);
    const chosen = path.includes("/deployments/") || path.includes("/llmgw") ? path : GATEWAY_PATH;
    return { ...given, base: `${root}${chosen}`, path: chosen };
  },
};
