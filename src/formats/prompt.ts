/** Conversations for models that take one text: templates of the families that are known, transcripts for the rest. */
import type { ConversationRequest, Message } from "./conversation.ts";

/** A turn as plain text. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
}

/** The visible words of a message. */
export function textOf(message: Message): string {
  return message.parts
    .map((part) => {
      switch (part.type) {
        case "text":
        case "refusal":
          return part.text;
        case "tool-call":
          return `${part.name}(${part.arguments})`;
        case "tool-result":
          return part.content.map((item) => (item.type === "text" ? item.text : "")).join("");
        case "file":
          return part.source.type === "text" ? part.source.text : "";
        default:
          return "";
      }
    })
    .filter((text) => text !== "")
    .join("\n");
}

/** The system texts of a conversation, and its turns. */
export function turnsOf(messages: readonly Message[]): { readonly system: string; readonly turns: readonly Turn[] } {
  const isSystem = (message: Message): boolean => message.role === "system" || message.role === "developer";
  return {
    system: messages.filter(isSystem).map(textOf).join("\n\n"),
    turns: messages
      .filter((message) => !isSystem(message))
      .map((message) => ({ role: message.role === "assistant" ? "assistant" : "user", text: textOf(message) })),
  };
}

/** The conversation as one text for a server that puts no template around it: the family's own, else plain. */
export function renderPrompt(model: string, messages: readonly Message[]): string {
  const { system, turns } = turnsOf(messages);
  const template = turns.length === 0 ? undefined : templateOf(model);
  return template === undefined ? plainPrompt(system, turns) : template(system, turns);
}

/** A rough count of the prompt's tokens, for providers that count only what they write: four characters a token. */
export function estimatedPromptTokens(request: ConversationRequest): number {
  return Math.ceil(request.messages.reduce((length, message) => length + textOf(message).length, 0) / 4);
}

/** A single question stays as it is; several turns become a transcript. */
export function plainPrompt(system: string, turns: readonly Turn[]): string {
  const [only] = turns;
  if (only === undefined) return system;
  const lead = system === "" ? "" : `${system}\n\n`;
  if (turns.length === 1 && only.role === "user") return lead + only.text;
  const lines = turns.map((turn) => `${turn.role === "user" ? "User" : "Assistant"}: ${turn.text}`);
  return `${lead}${lines.join("\n\n")}\n\nAssistant:`;
}

export type Template = (system: string, turns: readonly Turn[]) => string;

/** The template of the model's family, where it is known. */
export function templateOf(model: string): Template | undefined {
  const name = model.toLowerCase();
  if (/llama-3/.test(name)) return llama3;
  if (/(llama-2.*chat|codellama.*instruct)/.test(name)) return llama2;
  return /mi(s|x)tral.*instruct/.test(name) ? mistral : undefined;
}

/** https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/ (2026-11-24) */
function llama3(system: string, turns: readonly Turn[]): string {
  const turn = (role: string, text: string): string =>
    `<|start_header_id|>${role}<|end_header_id|>\n\n${text.trim()}<|eot_id|>`;
  const lead = system === "" ? "" : turn("system", system);
  const said = turns.map(({ role, text }) => turn(role, text)).join("");
  return `<|begin_of_text|>${lead}${said}<|start_header_id|>assistant<|end_header_id|>\n\n`;
}

/** https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-2/ (2026-11-24) */
function llama2(system: string, turns: readonly Turn[]): string {
  return instructions(system === "" ? "" : `<<SYS>>\n${system}\n<</SYS>>\n\n`, turns);
}

function mistral(system: string, turns: readonly Turn[]): string {
  return instructions(system === "" ? "" : `${system}\n\n`, turns);
}

/** The `[INST]` form; the system text leads the first question. */
function instructions(lead: string, turns: readonly Turn[]): string {
  const first = turns.findIndex((turn) => turn.role === "user");
  return turns
    .map(({ role, text }, index) =>
      role === "assistant" ? ` ${text.trim()} </s>` : `<s>[INST] ${index === first ? lead : ""}${text.trim()} [/INST]`,
    )
    .join("");
}
