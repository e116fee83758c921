import type { Message } from "../conversation.ts";

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

/** One question goes as it is: Replicate's model puts its own template around it. More become a transcript. */
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
