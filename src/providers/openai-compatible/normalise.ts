import { asArray, asObject, isObject, type Json, type JsonObject, type MutableJsonObject } from "../../json/json.ts";

/** A repair of one message or delta; returns the same object when nothing had to change. */
export type MessageRepair = (message: JsonObject) => JsonObject;

export interface ChatRepairs {
  /** Applied to `message` and `delta` in turn. */
  readonly messages?: readonly MessageRepair[];
  /** Finish reasons that OpenAI does not have → those it has. */
  readonly finish?: Readonly<Record<string, string>>;
  /** Repairs of the top level, usage included. */
  readonly top?: readonly ((body: JsonObject) => JsonObject)[];
}

/** A whole answer or one frame with the repairs applied; the same object when there was nothing to repair. */
export function repairChat(body: JsonObject, repairs: ChatRepairs): JsonObject {
  let result = body;
  for (const repair of repairs.top ?? []) result = repair(result);
  const choices = result.choices;
  if (!Array.isArray(choices)) return result;
  let changed = false;
  const repaired = choices.map((choice: Json) => {
    const fixed = isObject(choice) ? repairChoice(choice, repairs) : choice;
    if (fixed !== choice) changed = true;
    return fixed;
  });
  return changed ? { ...result, choices: repaired } : result;
}

function repairChoice(choice: JsonObject, repairs: ChatRepairs): JsonObject {
  let copy: MutableJsonObject | undefined;
  for (const member of ["message", "delta"]) {
    const message = choice[member];
    if (!isObject(message)) continue;
    let fixed = message;
    for (const repair of repairs.messages ?? []) fixed = repair(fixed);
    if (fixed === message) continue;
    copy ??= { ...choice };
    copy[member] = fixed;
  }
  const finish = choice.finish_reason;
  const mapped = typeof finish === "string" ? repairs.finish?.[finish] : undefined;
  if (mapped !== undefined) {
    copy ??= { ...choice };
    copy.finish_reason = mapped;
  }
  return copy ?? choice;
}

/** `reasoning` is what vLLM, Groq, Cerebras and OpenRouter call what everybody else calls `reasoning_content`. */
export function reasoningContent(message: JsonObject): JsonObject {
  const reasoning = message.reasoning;
  if (typeof reasoning !== "string") return message;
  const { reasoning: _, ...rest } = message;
  return typeof rest.reasoning_content === "string" ? rest : { ...rest, reasoning_content: reasoning };
}

/**
 * Content that arrives as a list of parts becomes text, its thinking becomes `reasoning_content`. Mistral calls a
 * thinking part `thinking`, Databricks calls it `reasoning`; parts of other kinds (references) carry no text.
 */
export function textContent(message: JsonObject): JsonObject {
  const content = message.content;
  if (!Array.isArray(content)) return message;
  let text = "";
  let thinking = "";
  let signature: string | undefined;
  for (const part of content as readonly Json[]) {
    if (!isObject(part)) continue;
    if (part.type === "text" && typeof part.text === "string") text += part.text;
    else if (part.type === "thinking") thinking += joined(part.thinking);
    else if (part.type === "reasoning") {
      thinking += joined(part.summary);
      for (const summary of asArray(part.summary)) {
        const found = asObject(summary)?.signature;
        if (typeof found === "string" && found !== "") signature = found;
      }
    }
  }
  const { content: _, ...rest } = message;
  return {
    ...rest,
    content: text === "" && thinking !== "" ? null : text,
    ...(thinking === "" ? {} : { reasoning_content: thinking }),
    ...(signature === undefined ? {} : { thinking_blocks: [{ type: "thinking", thinking, signature }] }),
  };
}

function joined(parts: Json | undefined): string {
  if (typeof parts === "string") return parts;
  let text = "";
  for (const part of asArray(parts)) {
    const piece = asObject(part)?.text;
    if (typeof piece === "string") text += piece;
  }
  return text;
}

/** An answer that holds tool calls ended because of them, whatever the provider calls it. Whole answers only. */
export function finishWithToolCalls(body: JsonObject): JsonObject {
  const choices = asArray(body.choices);
  const wrong = (choice: Json) =>
    isObject(choice) &&
    (choice.finish_reason === "stop" || choice.finish_reason === "") &&
    asArray(asObject(choice.message)?.tool_calls).length > 0;
  if (!choices.some(wrong)) return body;
  return {
    ...body,
    choices: choices.map((choice) =>
      wrong(choice) ? { ...(choice as JsonObject), finish_reason: "tool_calls" } : choice,
    ),
  };
}
