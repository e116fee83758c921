import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Conversation → one prompt with `[INST]`. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const body: MutableJsonObject = { prompt: renderPrompt("mistral-instruct", request.messages) };
  encodeSampling(
    request,
    { maxTokens: "max_tokens", temperature: "temperature", topP: "top_p", topK: "top_k", stop: "stop" },
    body,
  );
  reportInexpressible(request, "bedrock-mistral", EXPRESSIBLE, context.report);
  spreadExtensions(request, body, context);
  return body;
}
