import type { JsonObject } from "../../json/json.ts";
import type { ConversationRequest } from "../conversation.ts";
import type { RequestContext } from "../format.ts";
import { encodeGeneration } from "../huggingface-generate/request.ts";

/**
 * Conversation → `{inputs, parameters}`, as the containers of JumpStart take it. Streaming is said by the address;
 * details are not asked for, because not every container knows them.
 */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  return encodeGeneration(request, context, {});
}
