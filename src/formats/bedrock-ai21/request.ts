import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { plainPrompt, turnsOf } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Conversation → one prompt. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const { system, turns } = turnsOf(request.messages);
  const body: MutableJsonObject = { prompt: plainPrompt(system, turns) };
  encodeSampling(
    request,
    { maxTokens: "maxTokens", temperature: "temperature", topP: "topP", stop: "stopSequences", n: "numResults" },
    body,
  );
  reportInexpressible(request, "bedrock-ai21", EXPRESSIBLE, context.report);
  spreadExtensions(request, body, context);
  return body;
}
