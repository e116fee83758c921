import { z } from "zod";

/** Schemas for the OpenAPI document. Requests are checked by their format, which knows more than a schema can say. */

const message = z
  .looseObject({
    role: z.enum(["system", "developer", "user", "assistant", "tool", "function"]),
    content: z.union([z.string(), z.array(z.looseObject({ type: z.string() })), z.null()]).optional(),
  })
  .meta({ description: "A message, as OpenAI's Chat Completions has it" });

export const chatRequestSchema = z
  .looseObject({
    model: z.string().describe("A model group, alias, wildcard match or deployment id"),
    messages: z.array(message),
    stream: z.boolean().optional(),
    temperature: z.number().optional(),
    max_tokens: z.int().optional(),
    tools: z.array(z.looseObject({ type: z.string() })).optional(),
  })
  .meta({ id: "ChatCompletionRequest", description: "OpenAI's Chat Completions request, with LiteLLM's extras" });

export const chatResponseSchema = z
  .looseObject({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.looseObject({ index: z.int(), finish_reason: z.string() })),
  })
  .meta({ id: "ChatCompletionResponse" });

export const messagesRequestSchema = z
  .looseObject({
    model: z.string(),
    max_tokens: z.int(),
    messages: z.array(z.looseObject({ role: z.enum(["user", "assistant"]) })),
    stream: z.boolean().optional(),
  })
  .meta({ id: "MessagesRequest", description: "Anthropic's Messages request" });

export const modelListSchema = z
  .looseObject({
    object: z.literal("list"),
    data: z.array(
      z.looseObject({ id: z.string(), object: z.literal("model"), created: z.int(), owned_by: z.string() }),
    ),
  })
  .meta({ id: "ModelList" });

export const modelInfoSchema = z
  .looseObject({
    data: z.array(
      z.looseObject({
        model_name: z.string(),
        litellm_params: z.looseObject({}),
        model_info: z.looseObject({ id: z.string() }),
      }),
    ),
  })
  .meta({ id: "ModelInfo" });
