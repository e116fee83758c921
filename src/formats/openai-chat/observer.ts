import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, isObject, type JsonObject, parseJson } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import {
  FRAME_CONTENT,
  FRAME_DONE,
  FRAME_ERROR,
  FRAME_FINISH,
  FRAME_HEAD,
  FRAME_USAGE,
  type FrameMeaning,
  type StreamObserver,
} from "../format.ts";
import { failureOf } from "./errors.ts";
import { usageOf } from "./usage.ts";

/** Members whose text is content when it is not empty. */
const TEXTS = [
  '"content":',
  '"reasoning_content":',
  '"reasoning":',
  '"refusal":',
  '"text":',
  '"arguments":',
  '"transcript":',
];
/** Members that are content when they are there at all. */
const SIGNS = [
  '"tool_calls":[{',
  '"tool_calls": [{',
  '"function_call":{',
  '"audio":{',
  '"images":[{',
  '"annotations":[{',
];

/** Looks at chunks without parsing them; only errors and the chunk with the usage are parsed. */
export class ChatStreamObserver implements StreamObserver {
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  observe(data: string, event: string | undefined): FrameMeaning {
    if (data === "[DONE]") return FRAME_DONE;
    if (event === "error" || data.includes('"error"')) {
      const failure = errorIn(data, event);
      if (failure !== undefined) {
        this.failure = failure;
        return FRAME_ERROR;
      }
    }
    let meaning: FrameMeaning = FRAME_HEAD;
    if (data.includes('"usage":') || data.includes('"usage" :')) meaning |= this.#readUsage(data);
    for (const name of TEXTS) {
      const length = textAt(data, name);
      if (length === 0) continue;
      this.textLength += length;
      meaning |= FRAME_CONTENT;
    }
    if ((meaning & FRAME_CONTENT) === 0 && SIGNS.some((sign) => data.includes(sign))) meaning |= FRAME_CONTENT;
    const finish = data.indexOf('"finish_reason":');
    if (finish >= 0 && opensText(data, finish + 16)) meaning |= FRAME_FINISH;
    return meaning;
  }

  #readUsage(data: string): FrameMeaning {
    const at = data.lastIndexOf('"usage":') + 8;
    if (data.startsWith("null", at) || data.startsWith(" null", at)) return FRAME_HEAD;
    const body = parseJson(data);
    const usage = isObject(body) ? usageOf(body) : undefined;
    if (usage === undefined) return FRAME_HEAD;
    this.usage = usage;
    return FRAME_USAGE;
  }
}

/** Length of the text that a member holds, escapes counted as they stand; 0 for null, an empty text or no text. */
function textAt(data: string, name: string): number {
  const at = data.indexOf(name);
  if (at < 0) return 0;
  let start = at + name.length;
  while (data.charCodeAt(start) === 32) start++;
  const first = data.charCodeAt(start);
  // A list of parts is content as well.
  if (first === 91) return data.charCodeAt(start + 1) === 93 ? 0 : 1;
  if (first === 123) return 1;
  if (first !== 34) return 0;
  let end = data.indexOf('"', start + 1);
  while (end > 0 && data.charCodeAt(end - 1) === 92 && escaped(data, end)) end = data.indexOf('"', end + 1);
  return end < 0 ? 0 : end - start - 1;
}

function escaped(data: string, quote: number): boolean {
  let slashes = 0;
  while (data.charCodeAt(quote - 1 - slashes) === 92) slashes++;
  return slashes % 2 === 1;
}

function opensText(data: string, at: number): boolean {
  let start = at;
  while (data.charCodeAt(start) === 32) start++;
  return data.charCodeAt(start) === 34 && data.charCodeAt(start + 1) !== 34;
}

function errorIn(data: string, event: string | undefined): UpstreamFailure | undefined {
  const body = parseJson(data);
  if (!isObject(body)) return event === "error" ? failureOf(undefined, 500, data) : undefined;
  if (body.error === undefined || body.error === null)
    return event === "error" ? failureOf({ error: body }, 500, data) : undefined;
  const status = asNumber(asObject(body.error)?.code) ?? asNumber(asObject(body.error)?.status_code) ?? 500;
  return failureOf(body as JsonObject, status >= 400 && status < 600 ? status : 500, data);
}
