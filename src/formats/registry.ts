import { anthropicMessages } from "./anthropic-messages/index.ts";
import { bedrockAi21 } from "./bedrock-ai21/index.ts";
import { bedrockCohere } from "./bedrock-cohere/index.ts";
import { bedrockConverse } from "./bedrock-converse/index.ts";
import { bedrockLlama } from "./bedrock-llama/index.ts";
import { bedrockMistral } from "./bedrock-mistral/index.ts";
import { bedrockTitan } from "./bedrock-titan/index.ts";
import { cohere } from "./cohere/index.ts";
import { cohereV1 } from "./cohere-v1/index.ts";
import type { FormatId } from "./conversation.ts";
import type { Format } from "./format.ts";
import { gemini } from "./gemini/index.ts";
import { huggingfaceGenerate } from "./huggingface-generate/index.ts";
import { ollama } from "./ollama/index.ts";
import { openaiChat } from "./openai-chat/index.ts";
import { openaiCompletions } from "./openai-completions/index.ts";
import { openaiResponses } from "./openai-responses/index.ts";
import { replicate } from "./replicate/index.ts";
import { sagemakerGenerate } from "./sagemaker-generate/index.ts";
import { triton } from "./triton/index.ts";
import { watsonxGenerate } from "./watsonx-generate/index.ts";

const FORMATS: ReadonlyMap<FormatId, Format> = new Map(
  [
    openaiChat,
    anthropicMessages,
    bedrockAi21,
    bedrockConverse,
    bedrockCohere,
    bedrockLlama,
    bedrockMistral,
    bedrockTitan,
    cohere,
    cohereV1,
    gemini,
    ollama,
    openaiCompletions,
    openaiResponses,
    huggingfaceGenerate,
    replicate,
    sagemakerGenerate,
    triton,
    watsonxGenerate,
  ].map((format) => [format.id, format]),
);

/** The format of that id. Throws RangeError for an id that nothing implements, which a test keeps from happening. */
export function formatById(id: FormatId): Format {
  const format = FORMATS.get(id);
  if (format === undefined) throw new RangeError(`no format is called ${id}`);
  return format;
}

/** Every format. */
export function allFormats(): readonly Format[] {
  return [...FORMATS.values()];
}
