import { anthropic } from "./anthropic.ts";
import { azure, azureText } from "./azure.ts";
import { azureAi } from "./azure-ai.ts";
import { bedrock } from "./bedrock.ts";
import { bedrockMantle } from "./bedrock-mantle.ts";
import { cohere } from "./cohere.ts";
import { deepgram } from "./deepgram.ts";
import { echo } from "./echo.ts";
import { elevenlabs } from "./elevenlabs.ts";
import { gemini } from "./gemini.ts";
import { huggingface } from "./huggingface.ts";
import { ollama, ollamaChat } from "./ollama.ts";
import { openai, textCompletionOpenai } from "./openai.ts";
import { chatgpt } from "./openai-compatible/chatgpt.ts";
import { databricks } from "./openai-compatible/databricks.ts";
import { githubCopilot } from "./openai-compatible/github-copilot.ts";
import { openaiCompatible } from "./openai-compatible/openai-compatible.ts";
import { OPENAI_COMPATIBLE_ROWS } from "./openai-compatible/rows.ts";
import { snowflake } from "./openai-compatible/snowflake.ts";
import { predibase } from "./predibase.ts";
import type { Provider } from "./provider.ts";
import { replicate } from "./replicate.ts";
import { sagemaker, sagemakerChat } from "./sagemaker.ts";
import { triton } from "./triton.ts";
import { vertexAi } from "./vertex-ai.ts";
import { watsonx, watsonxText } from "./watsonx.ts";

/** Every provider, in the order in which documentation lists them. */
export const PROVIDERS: readonly Provider[] = [
  openai,
  textCompletionOpenai,
  azure,
  azureText,
  azureAi,
  anthropic,
  bedrock,
  bedrockMantle,
  gemini,
  vertexAi,
  cohere,
  huggingface,
  replicate,
  ollama,
  ollamaChat,
  sagemaker,
  sagemakerChat,
  predibase,
  watsonx,
  watsonxText,
  triton,
  deepgram,
  elevenlabs,
  echo,
  databricks,
  snowflake,
  githubCopilot,
  chatgpt,
  ...OPENAI_COMPATIBLE_ROWS.map(openaiCompatible),
];
