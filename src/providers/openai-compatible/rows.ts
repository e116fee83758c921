import { baseten } from "./baseten.ts";
import { bytez } from "./bytez.ts";
import { cerebras } from "./cerebras.ts";
import { clarifai } from "./clarifai.ts";
import { cloudflare } from "./cloudflare.ts";
import { datarobot } from "./datarobot.ts";
import { deepseek } from "./deepseek.ts";
import { EMBEDDING_SPECIALISTS } from "./embedding-specialists.ts";
import { fireworksAi } from "./fireworks-ai.ts";
import { GATEWAYS } from "./gateways.ts";
import { github } from "./github.ts";
import { groq } from "./groq.ts";
import { codestral, mistral } from "./mistral.ts";
import { MODEL_CLOUDS } from "./model-clouds.ts";
import { MODEL_MAKERS } from "./model-makers.ts";
import { moonshot } from "./moonshot.ts";
import type { OpenAiCompatibleRow } from "./openai-compatible.ts";
import { openrouter } from "./openrouter.ts";
import { OWN_SERVERS } from "./own-servers.ts";
import { perplexity } from "./perplexity.ts";
import { REGIONAL_CLOUDS } from "./regional-clouds.ts";
import { togetherAi } from "./together-ai.ts";
import { xai } from "./xai.ts";

/** Every OpenAI-compatible provider. One line in a table or one file with quirks is all that a new one needs. */
export const OPENAI_COMPATIBLE_ROWS: readonly OpenAiCompatibleRow[] = [
  groq,
  mistral,
  codestral,
  deepseek,
  xai,
  perplexity,
  openrouter,
  togetherAi,
  fireworksAi,
  cerebras,
  moonshot,
  cloudflare,
  github,
  baseten,
  clarifai,
  datarobot,
  bytez,
  ...MODEL_MAKERS,
  ...MODEL_CLOUDS,
  ...GATEWAYS,
  ...REGIONAL_CLOUDS,
  ...OWN_SERVERS,
  ...EMBEDDING_SPECIALISTS,
];
