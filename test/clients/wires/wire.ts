import { isObject, type JsonObject } from "../../../src/json/json.ts";
import type { ReceivedRequest } from "../../support/upstream.ts";

/** One tool call of a scripted answer. */
export interface ReplyCall {
  readonly id: string;
  readonly name: string;
  /** JSON text; only wires that carry text can carry broken JSON. */
  readonly arguments: string;
  /** A thought signature of Gemini's. */
  readonly signature?: string;
}

/** What a scripted provider answers, before it is written in the provider's words. */
export interface Reply {
  readonly thinking?: { readonly text: string; readonly signature?: string };
  readonly text?: string;
  readonly calls?: readonly ReplyCall[];
  readonly finish?: "stop" | "length" | "content-filter";
}

/** Every scripted answer reports these. */
export const INPUT_TOKENS = 20;
export const OUTPUT_TOKENS = 9;

/** A provider's wire language, as strict as the provider itself. */
export interface Wire {
  /** What the provider would say to a request that it refuses. `issued` holds the sealed values that it gave out. */
  complaint(request: ReceivedRequest, body: JsonObject, issued: ReadonlySet<string>): string | undefined;
  /** Whether the request asks for a stream. */
  streams(request: ReceivedRequest, body: JsonObject): boolean;
  whole(reply: Reply): JsonObject;
  stream(reply: Reply): Response;
  /** The provider's own envelope around an error. */
  error(status: number, message: string, type?: string): Response;
}

/** `name: value` events as one body. */
export function sse(events: readonly { readonly event?: string; readonly data: unknown }[]): Response {
  const text = events
    .map(({ event, data }) => {
      const line = typeof data === "string" ? data : JSON.stringify(data);
      return `${event === undefined ? "" : `event: ${event}\n`}data: ${line}\n\n`;
    })
    .join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

/** Text in two pieces, so that nobody can rely on one. */
export function halves(text: string): string[] {
  if (text.length < 2) return [text];
  const middle = text.length >> 1;
  return [text.slice(0, middle), text.slice(middle)];
}

/** The first member that is not in the list. */
export function strangeMember(object: JsonObject, known: readonly string[]): string | undefined {
  return Object.keys(object).find((name) => !known.includes(name));
}

export function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The first complaint of several checks. */
export function first<T>(
  items: readonly T[],
  check: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const complaint = check(item, index);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
