import type { JsonObject, MutableJsonObject } from "../../json/json.ts";
import { encodeSampling, spreadExtensions } from "../bedrock-invoke/text-request.ts";
import type { ConversationRequest } from "../conversation.ts";
import { reportInexpressible } from "../expressible.ts";
import type { RequestContext } from "../format.ts";
import { renderPrompt, type Turn, turnsOf } from "../prompt.ts";
import { EXPRESSIBLE } from "./expressible.ts";

/** Conversation → one prompt in the template of the model's family. */
export function encodeRequest(request: ConversationRequest, context: RequestContext): JsonObject {
  const body: MutableJsonObject = { prompt: promptOf(request, context.model.toLowerCase()) };
  encodeSampling(request, { maxTokens: "max_gen_len", temperature: "temperature", topP: "top_p" }, body);
  reportInexpressible(request, "bedrock-llama", EXPRESSIBLE, context.report);
  spreadExtensions(request, body, context);
  return body;
}

function promptOf(request: ConversationRequest, model: string): string {
  const { system, turns } = turnsOf(request.messages);
  if (/deepseek/.test(model)) return deepseek(system, turns);
  if (/qwen/.test(model)) return chatml(system, turns);
  return renderPrompt(/llama-?2/.test(model) ? "llama-2-chat" : "llama-3", request.messages);
}

/** https://huggingface.co/deepseek-ai/DeepSeek-R1/blob/main/tokenizer_config.json (2026-11-24) */
function deepseek(system: string, turns: readonly Turn[]): string {
  const said = turns.map(({ role, text }) =>
    role === "user" ? `<｜User｜>${text}` : `<｜Assistant｜>${text}<｜end▁of▁sentence｜>`,
  );
  return `<｜begin▁of▁sentence｜>${system}${said.join("")}<｜Assistant｜>`;
}

/** https://qwen.readthedocs.io/en/latest/getting_started/concepts.html (2026-11-24) */
function chatml(system: string, turns: readonly Turn[]): string {
  const turn = (role: string, text: string): string => `<|im_start|>${role}\n${text}<|im_end|>\n`;
  const lead = system === "" ? "" : turn("system", system);
  return `${lead}${turns.map(({ role, text }) => turn(role, text)).join("")}<|im_start|>assistant\n`;
}
