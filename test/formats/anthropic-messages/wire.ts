import { asArray, asObject, isObject, type Json, type JsonObject } from "../../../src/json/json.ts";

/**
 * What the Messages API treats alike, written alike: strings and lists of one text, neighbours
 * of one role (their results first), nulls.
 */
export function normalRequest(body: JsonObject): JsonObject {
  const messages: { role: Json | undefined; content: Json[] }[] = [];
  for (const message of asArray(body.messages).filter(isObject)) {
    const content = normalContent(message.content);
    const last = messages.at(-1);
    if (last !== undefined && last.role === message.role) last.content.push(...content);
    else messages.push({ role: message.role, content });
  }
  const system = typeof body.system === "string" ? [{ type: "text", text: body.system }] : body.system;
  const isResult = (block: Json): boolean => asObject(block)?.type === "tool_result";
  for (const message of messages) {
    const { content } = message;
    message.content = [...content.filter(isResult), ...content.filter((block) => !isResult(block))];
  }
  return withoutNulls({ ...body, ...(system === undefined ? {} : { system }), messages }) as JsonObject;
}

function normalContent(content: Json | undefined): Json[] {
  const blocks: readonly Json[] = typeof content === "string" ? [{ type: "text", text: content }] : asArray(content);
  return blocks
    .filter((block) => asObject(block)?.type !== "text" || asObject(block)?.text !== "")
    .map((block) => {
      if (!isObject(block)) return block;
      const { caller, ...rest } = block;
      const kept = asObject(caller)?.type === "direct" ? rest : block;
      if (block.type !== "tool_result" || block.content === undefined) return kept;
      const inner = normalContent(block.content);
      const { content: _, ...bare } = kept;
      return inner.length === 0 ? bare : { ...bare, content: inner };
    });
}

export function withoutNulls(value: Json | undefined): Json | undefined {
  if (Array.isArray(value)) return value.map((entry) => withoutNulls(entry) ?? null);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null && member !== undefined)
      .map(([name, member]) => [name, withoutNulls(member)]),
  );
}

/** An answer without what says nothing: nulls, counts of zero, calls that the model made itself. */
export function normalAnswer(body: JsonObject): JsonObject {
  const usage = asObject(withoutNulls(body.usage)) ?? {};
  const content = asArray(body.content).map((block) => {
    if (!isObject(block) || asObject(block.caller)?.type !== "direct") return block;
    const { caller: _, ...rest } = block;
    return rest;
  });
  const kept = Object.fromEntries(
    Object.entries(usage).filter(([, value]) =>
      isObject(value) ? Object.values(value).some((count) => count !== 0) : value !== 0,
    ),
  );
  return { ...asObject(withoutNulls({ ...body, content })), usage: kept };
}

/** The frames of an event stream's text. */
export function framesOf(text: string): { readonly event: string; readonly body: JsonObject }[] {
  return text
    .split("\n\n")
    .filter((frame) => frame !== "")
    .map((frame) => {
      const match = /^event: (\S+)\ndata: ([^\n\r]*)$/.exec(frame);
      if (match === null) throw new Error(`not a frame: ${frame}`);
      return { event: match[1] as string, body: JSON.parse(match[2] as string) as JsonObject };
    });
}

/** Violations of the grammar that Anthropic documents for its event streams; empty when there are none. */
export function brokenGrammar(text: string): string[] {
  const broken: string[] = [];
  const frames = framesOf(text).filter(({ event }) => event !== "ping");
  for (const { event, body } of frames) if (event !== body.type) broken.push(`event ${event} holds ${body.type}`);
  const order = frames.map(({ event }) => event);
  if (order[0] !== "message_start") broken.push(`begins with ${order[0]}`);
  if (order.at(-2) !== "message_delta" || order.at(-1) !== "message_stop") broken.push(`ends with ${order.slice(-2)}`);
  let next = 0;
  let open: { readonly index: number; readonly type: unknown } | undefined;
  for (const { event, body } of frames.slice(1, -2)) {
    if (event === "content_block_start") {
      if (open !== undefined) broken.push(`block ${body.index} opens inside block ${open.index}`);
      if (body.index !== next) broken.push(`block ${body.index} instead of ${next}`);
      open = { index: next++, type: asObject(body.content_block)?.type };
    } else if (event === "content_block_delta") {
      const delta = String(asObject(body.delta)?.type);
      if (open?.index !== body.index) broken.push(`delta for block ${body.index}`);
      const fits: Record<string, readonly string[]> = {
        text: ["text_delta", "citations_delta"],
        thinking: ["thinking_delta", "signature_delta"],
        tool_use: ["input_json_delta"],
        server_tool_use: ["input_json_delta"],
      };
      if (!(fits[String(open?.type)] ?? []).includes(delta)) broken.push(`${delta} in a block of ${open?.type}`);
    } else if (event === "content_block_stop") {
      if (open?.index !== body.index) broken.push(`stop of block ${body.index}`);
      open = undefined;
    } else broken.push(`${event} between the blocks`);
  }
  if (open !== undefined) broken.push(`block ${open.index} stays open`);
  return broken;
}
