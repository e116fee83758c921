import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { plainPrompt, turnsOf } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

const NAMES = {
  maxTokens: "max_tokens",
  temperature: "temperature",
  topP: "p",
  topK: "k",
  stop: "stop_sequences",
};

/** Conversation → `prompt` for Command, `message` with `chat_history` for Command R. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const chat = /command-(?:r|a)/.test(context.model);
  const body: MutableJsonObject = chat ? chatBody(request) : promptBody(request);
  // Command R writes one answer.
  encodeSampling(request, chat ? NAMES : { ...NAMES, n: "num_generations" }, body);
  if (chat && (request.sampling.n ?? 1) > 1) context.report.unsupported("n", "Command R writes one answer");
  // Command streams only when the body says so too; Command R knows no such member.
  if (!chat && request.stream === true) body.stream = true;
  reportInexpressible(request, "bedrock-cohere", EXPRESSIBLE, context.report);
  spreadExtensions(request, body, context);
  return body;
}

function promptBody(request: ConversationRequest): MutableJsonObject {
  const { system, turns } = turnsOf(request.messages);
  return { prompt: plainPrompt(system, turns) };
}

function chatBody(request: ConversationRequest): MutableJsonObject {
  const { system, turns } = turnsOf(request.messages);
  const last = turns.at(-1);
  const asked = last?.role === "user" ? last : undefined;
  const history = asked === undefined ? turns : turns.slice(0, -1);
  return {
    message: asked?.text ?? "",
    ...(history.length === 0
      ? {}
      : {
          chat_history: history.map(({ role, text }) => ({
            role: role === "user" ? "USER" : "CHATBOT",
            message: text,
          })),
        }),
    ...(system === "" ? {} : { preamble: system }),
  };
}
