import type { UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, isObject, parseJson } from "../../json/json.ts";
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
import { failureOf } from "../openai-chat/errors.ts";
import { usageOf } from "../openai-chat/usage.ts";

const TEXT = /"text": ?"((?:[^"\\]|\\.)*)"/g;
const FINISH = /"finish_reason": ?"/;
const USAGE = /"usage": ?\{/;
const ERROR = /"error": ?[{"]/;

/** Chunks are parsed only for usage and errors; of texts the length is measured in place. */
export class CompletionsStreamObserver implements StreamObserver {
  usage: Usage | undefined;
  failure: UpstreamFailure | undefined;
  textLength = 0;

  observe(data: string): FrameMeaning {
    if (data.trim() === "[DONE]") return FRAME_DONE;
    if (ERROR.test(data) && !data.includes('"choices"')) {
      const body = parseJson(data);
      const error = isObject(body) ? body : { error: data };
      const code = asNumber(Number(asObject(error.error)?.code ?? Number.NaN));
      const status = code !== undefined && code >= 400 && code < 600 ? code : 500;
      const { upstreamStatus: _, ...failure } = failureOf(error, status, data);
      this.failure = failure;
      return FRAME_ERROR;
    }
    let meaning: FrameMeaning = FRAME_HEAD;
    for (const match of data.matchAll(TEXT)) {
      const length = match[1]?.length ?? 0;
      this.textLength += length;
      if (length > 0) meaning |= FRAME_CONTENT;
    }
    if (FINISH.test(data)) meaning |= FRAME_CONTENT | FRAME_FINISH;
    if (USAGE.test(data)) {
      const body = parseJson(data);
      const usage = isObject(body) ? usageOf(body) : undefined;
      if (usage !== undefined) {
        this.usage = usage;
        meaning |= FRAME_USAGE;
      }
    }
    return meaning;
  }
}
