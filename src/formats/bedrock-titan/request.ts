import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { plainPrompt, turnsOf } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Members of the body itself; a model parameter of any other name belongs into `textGenerationConfig`. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const config: MutableJsonObject = {};
  encodeSampling(
    request,
    { maxTokens: "maxTokenCount", temperature: "temperature", topP: "topP", stop: "stopSequences" },
    config,
  );
  reportInexpressible(request, "bedrock-titan", EXPRESSIBLE, context.report);
  spreadExtensions(request, config, context);
  const { system, turns } = turnsOf(request.messages);
  return {
    inputText: titanPrompt(system, turns),
    ...(Object.keys(config).length === 0 ? {} : { textGenerationConfig: config }),
  };
}

/** Several turns take the form that Titan was taught: `User:` and `Bot:`. */
function titanPrompt(system: string, turns: ReturnType<typeof turnsOf>["turns"]): string {
  if (turns.length < 2) return plainPrompt(system, turns);
  const lines = turns.map(({ role, text }) => `${role === "user" ? "User" : "Bot"}: ${text}`);
  return `${system === "" ? "" : `${system}\n\n`}${lines.join("\n")}\nBot:`;
}
