import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, reportInexpressible, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { plainPrompt, turnsOf } from "../prompt.ts";

/** Conversation → one prompt. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { system, turns } = turnsOf(request.messages);
  const body: MutableJsonObject = { prompt: plainPrompt(system, turns) };
  encodeSampling(
    request,
    { maxTokens: "maxTokens", temperature: "temperature", topP: "topP", stop: "stopSequences", n: "numResults" },
    body,
    context,
  );
  reportInexpressible(request, context);
  spreadExtensions(request, body, context);
  return body;
}
