import { asObject, asString, isObject, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import type { ToolCallPart } from "../conversation.ts";
import type { ParameterReport } from "../report.ts";
import type { OllamaToolCall } from "./types.ts";

/** Ids for calls that have none, and the calls that answers without an id belong to. */
export class CallIds {
  readonly #prefix: string;
  readonly #given = new Set<string>();
  readonly #open: { readonly id: string; readonly name: string }[] = [];
  #count = 0;

  /** @param prefix what tells the calls of one conversation or answer from those of others */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The call's own id, else one of its position; some models repeat an id within one answer. */
  call(call: JsonObject): { readonly id: string; readonly name: string; readonly arguments: string } {
    const held = asObject(call.function);
    const name = asString(held?.name) ?? "";
    const given = asString(call.id);
    const usable = given !== undefined && given !== "" && !this.#given.has(given);
    const id = usable ? given : `call_${this.#prefix}${this.#count}`;
    this.#given.add(id);
    this.#count++;
    this.#open.push({ id, name });
    return { id, name, arguments: argumentsText(held?.arguments) };
  }

  /** The call that an answer belongs to: by its id, else the first open one of that name, else the first open one. */
  answer(id: string | undefined, name: string | undefined): { readonly id: string; readonly name: string | undefined } {
    const byId = this.#open.findIndex((call) => call.id === id);
    const at = byId >= 0 ? byId : this.#open.findIndex((call) => name === undefined || call.name === name);
    const found = at < 0 ? undefined : this.#open.splice(at, 1)[0];
    return { id: found?.id ?? id ?? `call_${this.#prefix}unknown`, name: name ?? found?.name };
  }
}

function argumentsText(value: Json | undefined): string {
  if (typeof value === "string") return value === "" ? "{}" : value;
  return JSON.stringify(value ?? {});
}

/** A call as Ollama writes it: arguments are an object; text that is none stands in it whole. */
export function encodeCall(part: ToolCallPart, index: number, report?: ParameterReport): OllamaToolCall {
  const parsed = part.kind === "custom" ? { input: part.arguments } : parseJson(part.arguments);
  if (!isObject(parsed) && part.arguments.trim() !== "") {
    report?.converted(
      "messages.tool_calls.arguments",
      "Ollama takes an object; the text stands in it under 'arguments'",
    );
  }
  const held = isObject(parsed) ? parsed : part.arguments.trim() === "" ? {} : { arguments: part.arguments };
  return { id: part.id, function: { index, name: part.name, arguments: held } };
}
