import { asArray, isObject, type Json, type JsonObject, type MutableJsonObject } from "../json/json.ts";
import { stripSchemaKeywords } from "./parameter-schemas.ts";
import type { Call, ParameterRules } from "./provider.ts";

/**
 * Values that say what leaving the parameter out says too: dropping them loses nothing, so they are never a reason to
 * refuse. Some client libraries send them with every request.
 */
const NEUTRAL_VALUES: Readonly<Record<string, Json>> = {
  n: 1,
  logprobs: false,
  presence_penalty: 0,
  frequency_penalty: 0,
  parallel_tool_calls: true,
  store: false,
  echo: false,
  best_of: 1,
};

/**
 * Applies the rules to a wire body. The body itself is changed; what lies inside it is replaced, never changed, so a
 * shallow copy of a shared body is enough. Every change is in `call.report`.
 *
 * @returns whether anything changed; when not, the bytes that were received can pass on.
 */
export function applyParameterRules(body: MutableJsonObject, rules: ParameterRules, call: Call): boolean {
  const before = call.report.changes.length;
  if (rules.rename !== undefined) renameFields(body, rules.rename, call);
  if (rules.unsupported !== undefined) {
    for (const field in rules.unsupported) refuseField(body, field, rules.unsupported[field] as string, call);
  }
  if (rules.remove !== undefined) removeFields(body, rules.remove, call);
  if (rules.clamp !== undefined) clampFields(body, rules.clamp, call);
  if (rules.stripSchemaKeywords !== undefined) stripSchemaKeywords(body, rules.stripSchemaKeywords, call.report);
  rewriteMessages(body, rules, call);
  if (rules.keepCacheControl !== true) stripToolCacheControl(body, call);
  rules.custom?.(body, call);
  return call.report.changes.length > before;
}

function renameFields(body: MutableJsonObject, rename: Readonly<Record<string, string>>, call: Call): void {
  for (const from in rename) {
    if (body[from] === undefined) continue;
    const to = rename[from] as string;
    const value = body[from];
    delete body[from];
    const sourceWins = from === "max_completion_tokens" && to === "max_tokens";
    if (body[to] !== undefined && !sourceWins) {
      call.report.dropped(from, `${to} is set as well and says the same`);
    } else {
      body[to] = value;
      call.report.renamed(from, to, "the provider's own name for it");
    }
  }
}

/** Removes a field that the target cannot express; without `drop_params` the request is then refused. */
export function refuseField(body: MutableJsonObject, field: string, reason: string, call: Call): void {
  const value = body[field];
  if (value === undefined || call.allowedParameters?.includes(field) === true) return;
  delete body[field];
  if (value === null || value === NEUTRAL_VALUES[field]) call.report.dropped(field, reason);
  else call.report.unsupported(field, reason);
}

function removeFields(body: MutableJsonObject, remove: Readonly<Record<string, string>>, call: Call): void {
  for (const field in remove) {
    if (body[field] === undefined) continue;
    delete body[field];
    call.report.dropped(field, remove[field] as string);
  }
}

function clampFields(body: MutableJsonObject, clamp: NonNullable<ParameterRules["clamp"]>, call: Call): void {
  for (const field in clamp) {
    const value = body[field];
    if (typeof value !== "number") continue;
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = clamp[field] as {
      min?: number;
      max?: number;
    };
    const inside = Math.min(Math.max(value, min), max);
    if (inside === value) continue;
    body[field] = inside;
    call.report.clamped(field, inside, `the provider takes ${rangeText(min, max)}`);
  }
}

function rangeText(min: number, max: number): string {
  if (min === Number.NEGATIVE_INFINITY) return `at most ${max}`;
  return max === Number.POSITIVE_INFINITY ? `at least ${min}` : `${min} to ${max}`;
}

function rewriteMessages(body: MutableJsonObject, rules: ParameterRules, call: Call): void {
  const messages = body.messages;
  if (!Array.isArray(messages)) return;
  const seen = new Set<string>();
  let rewritten: Json[] | undefined;
  messages.forEach((message: Json, index) => {
    if (!isObject(message)) return;
    const replaced = rewriteMessage(message, rules, seen);
    if (replaced === message) return;
    rewritten ??= [...(messages as Json[])];
    rewritten[index] = replaced;
  });
  if (rewritten === undefined) return;
  body.messages = rewritten;
  for (const change of seen) {
    if (change === FLATTENED) call.report.converted("messages[].content", "text parts joined: the provider takes text");
    else call.report.dropped(`messages[].${change}`, "the provider does not know this member");
  }
}

const FLATTENED = "\u0000flattened";

/** The message itself when nothing applies. `seen` collects what was removed. */
function rewriteMessage(message: JsonObject, rules: ParameterRules, seen: Set<string>): JsonObject {
  let copy: MutableJsonObject | undefined;
  for (const field in message) {
    const refused =
      rules.removeMessageFields?.includes(field) === true ||
      (rules.messageFields !== undefined && !rules.messageFields.includes(field)) ||
      (field === "cache_control" && rules.keepCacheControl !== true);
    if (!refused || message[field] === undefined) continue;
    copy ??= { ...message };
    delete copy[field];
    seen.add(field);
  }
  const content = message.content;
  if (Array.isArray(content)) {
    const parts = rules.keepCacheControl === true ? content : withoutCacheControl(content as readonly Json[], seen);
    const flattened = rules.flattenContent === true ? joinText(parts as readonly Json[], seen) : parts;
    if (flattened !== content) {
      copy ??= { ...message };
      copy.content = flattened as Json;
    }
  }
  return copy ?? message;
}

function withoutCacheControl(parts: readonly Json[], seen: Set<string>): readonly Json[] {
  if (!parts.some((part) => isObject(part) && part.cache_control !== undefined)) return parts;
  seen.add("content[].cache_control");
  return parts.map((part) => {
    if (!isObject(part) || part.cache_control === undefined) return part;
    const { cache_control: _, ...rest } = part;
    return rest;
  });
}

/** Parts that are not text stay as they are: refusing them is the provider's business, losing them would be ours. */
function joinText(parts: readonly Json[], seen: Set<string>): Json {
  let text = "";
  for (const part of parts) {
    if (!isObject(part) || typeof part.text !== "string") return parts;
    if (part.type !== "text" && part.type !== undefined) return parts;
    text += part.text;
  }
  seen.add(FLATTENED);
  return text;
}

function stripToolCacheControl(body: MutableJsonObject, call: Call): void {
  const tools = asArray(body.tools);
  if (!tools.some(toolHasCacheControl)) return;
  body.tools = tools.map((tool) => {
    if (!isObject(tool) || !toolHasCacheControl(tool)) return tool;
    const { cache_control: _, ...rest } = tool;
    const inner = rest.function;
    if (!isObject(inner)) return rest;
    const { cache_control: __, ...innerRest } = inner;
    return { ...rest, function: innerRest };
  });
  call.report.dropped("tools[].cache_control", "the provider does not know this member");
}

function toolHasCacheControl(tool: Json): boolean {
  if (!isObject(tool)) return false;
  if (tool.cache_control !== undefined) return true;
  const inner = tool.function;
  return isObject(inner) && inner.cache_control !== undefined;
}
