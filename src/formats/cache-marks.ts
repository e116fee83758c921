import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  type Json,
  type JsonObject,
  type MutableJsonObject,
} from "../json/json.ts";
import type { CacheMark, ConversationRequest, Message, Tool } from "./conversation.ts";

/** One of LiteLLM's `cache_control_injection_points`: where the operator wants a prompt-cache mark. */
export interface InjectionPoint {
  readonly location: "message" | "tools";
  /** Every message of this role. Not read where `index` is given. */
  readonly role?: string;
  /** One message, counted from the end when negative. */
  readonly index?: number;
  readonly mark: CacheMark;
}

/** Anthropic and Bedrock refuse a request with more. */
const MOST_MARKS = 4;

/** Reads `cache_control_injection_points`; entries without a place mark nothing. */
export function injectionPoints(value: Json | undefined): readonly InjectionPoint[] {
  return asArray(value).flatMap((item): InjectionPoint[] => {
    const point = asObject(item) ?? {};
    const ttl = asString((asObject(point.control) ?? asObject(point.cache_control))?.ttl);
    const mark: CacheMark = ttl === "5m" || ttl === "1h" ? { ttl } : {};
    const location = asString(point.location) ?? "message";
    if (location === "tool_config" || location === "tools") return [{ location: "tools", mark }];
    const index = typeof point.index === "string" ? asNumber(Number(point.index)) : asNumber(point.index);
    const role = asString(point.role);
    if (location !== "message" || (index === undefined && role === undefined)) return [];
    return [
      {
        location: "message",
        ...(role === undefined ? {} : { role }),
        ...(index === undefined ? {} : { index }),
        mark,
      },
    ];
  });
}

/**
 * Marks the conversation's messages and tools. Marks of the caller stay; of further ones only as many are set as the
 * providers take, the latest messages first, since a late mark covers what an early one does.
 */
export function markConversation(request: ConversationRequest, points: readonly InjectionPoint[]): ConversationRequest {
  const tools = request.tools ?? [];
  let room = MOST_MARKS - marksOf(request);
  const messages = [...request.messages];
  for (const [at, mark] of placesIn(messages, points)) {
    if (room <= 0) break;
    const message = messages[at] as Message;
    const last = message.parts.findLastIndex((part) => part.type !== "thinking");
    const part = message.parts[last];
    if (part === undefined || part.cache !== undefined) continue;
    messages[at] = { ...message, parts: message.parts.with(last, { ...part, cache: mark }) };
    room--;
  }
  const wanted = points.find(({ location }) => location === "tools");
  const at = wanted === undefined || room <= 0 ? -1 : tools.findLastIndex((tool) => tool.type === "function");
  const tool = tools[at];
  if (wanted === undefined || tool?.type !== "function" || tool.cache !== undefined) return { ...request, messages };
  return { ...request, messages, tools: tools.with(at, { ...tool, cache: wanted.mark }) };
}

/**
 * The same on a body of Chat Completions or Anthropic Messages, whose bytes otherwise pass: `messages`, `system` and
 * `tools` are replaced where something is marked.
 */
export function markBody(body: MutableJsonObject, points: readonly InjectionPoint[]): void {
  const system = body.system;
  const messages = asArray(body.messages).filter(isObject);
  const all: JsonObject[] =
    system === undefined || system === null ? [...messages] : [{ role: "system", content: system }, ...messages];
  const tools = asArray(body.tools);
  let room = MOST_MARKS - wireMarks(all) - tools.filter((tool) => isObject(tool) && isMarked(tool)).length;
  let changed = false;
  for (const [at, mark] of placesIn(all as readonly (JsonObject & { readonly role?: Json })[], points)) {
    if (room <= 0) break;
    const marked = markedMessage(all[at] as JsonObject, mark);
    if (marked === undefined) continue;
    all[at] = marked;
    changed = true;
    room--;
  }
  if (changed) {
    if (all.length > messages.length) body.system = all.shift()?.content as Json;
    body.messages = all;
  }
  const wanted = points.find(({ location }) => location === "tools");
  const last = tools.at(-1);
  if (wanted !== undefined && room > 0 && isObject(last) && !isMarked(last)) {
    body.tools = tools.with(-1, { ...last, cache_control: control(wanted.mark) });
  }
}

/** The messages to mark with their marks, the last message first; each once. */
function placesIn(
  messages: readonly { readonly role?: Json }[],
  points: readonly InjectionPoint[],
): readonly (readonly [number, CacheMark])[] {
  const places = new Map<number, CacheMark>();
  for (const { location, role, index, mark } of points) {
    if (location !== "message") continue;
    if (index !== undefined) {
      const at = index < 0 ? messages.length + index : index;
      if (at >= 0 && at < messages.length && !places.has(at)) places.set(at, mark);
      continue;
    }
    messages.forEach((message, at) => {
      if (message.role === role && !places.has(at)) places.set(at, mark);
    });
  }
  return [...places].sort(([one], [other]) => other - one);
}

function marksOf(request: ConversationRequest): number {
  const inMessages = request.messages.flatMap(({ parts }) => parts).filter(({ cache }) => cache !== undefined).length;
  const isMarkedTool = (tool: Tool): boolean => tool.type === "function" && tool.cache !== undefined;
  return inMessages + (request.tools ?? []).filter(isMarkedTool).length;
}

function wireMarks(messages: readonly JsonObject[]): number {
  return messages.reduce(
    (sum, message) =>
      sum +
      asArray(message.content).filter((part) => isObject(part) && isMarked(part)).length +
      (isMarked(message) ? 1 : 0),
    0,
  );
}

/** The message with a mark at its end; undefined where it has one or nothing to mark. */
function markedMessage(message: JsonObject, mark: CacheMark): JsonObject | undefined {
  if (isMarked(message)) return undefined;
  const { content } = message;
  if (typeof content === "string") {
    if (content.trim() === "") return undefined;
    return { ...message, content: [{ type: "text", text: content, cache_control: control(mark) }] };
  }
  const parts = asArray(content);
  const at = parts.findLastIndex(
    (part) => isObject(part) && part.type !== "thinking" && part.type !== "redacted_thinking",
  );
  const part = parts[at];
  if (!isObject(part) || isMarked(part)) return undefined;
  return { ...message, content: parts.with(at, { ...part, cache_control: control(mark) }) };
}

function isMarked(holder: JsonObject): boolean {
  return holder.cache_control !== undefined && holder.cache_control !== null;
}

function control(mark: CacheMark): JsonObject {
  return { type: "ephemeral", ...mark };
}
