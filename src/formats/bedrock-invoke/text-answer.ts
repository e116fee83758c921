import type { JsonObject } from "../../json/json.ts";
import type { Usage } from "../../usage/usage.ts";
import type { ConversationResponse } from "../conversation.ts";
import type { ProviderSide } from "../provider-only.ts";
import { decodeError } from "./errors.ts";
import { finishOf } from "./finish.ts";
import { metricsUsage } from "./metrics.ts";
import { TextStreamDecoder } from "./text-stream-decoder.ts";

/** One answer, or one piece of it. */
export interface TextChoice {
  readonly index?: number;
  readonly text: string;
  /** The maker's own word; absent or empty while the answer goes on. */
  readonly finish?: string | undefined;
}

/** How a family of models writes its answers; whole ones and stream events have one shape or two. */
export interface TextAnswer {
  readonly whole: (body: JsonObject) => readonly TextChoice[];
  readonly piece: (event: JsonObject) => readonly TextChoice[];
  /** The body's own counts; Bedrock's are taken where there are none. */
  readonly usage?: (body: JsonObject) => Usage | undefined;
  readonly id?: (body: JsonObject) => string | undefined;
}

/** The reading half of a format whose answers are texts. */
export function textSide(
  answer: TextAnswer,
): Pick<ProviderSide, "decodeResponse" | "createStreamDecoder" | "decodeError" | "readUsage"> {
  const readUsage = (body: JsonObject): Usage | undefined => metricsUsage(body) ?? answer.usage?.(body);
  return {
    decodeResponse: (body, context) => decodeResponse(answer, body, context.model, readUsage(body)),
    createStreamDecoder: (context) => new TextStreamDecoder(answer, context.model),
    decodeError,
    readUsage,
  };
}

function decodeResponse(
  answer: TextAnswer,
  body: JsonObject,
  model: string,
  usage: Usage | undefined,
): ConversationResponse {
  const id = answer.id?.(body);
  return {
    ...(id === undefined ? {} : { id }),
    model,
    choices: answer.whole(body).map(({ text, finish }, index) => ({
      index,
      parts: text === "" ? [] : [{ type: "text", text }],
      finish: finishOf(finish ?? ""),
      ...(finish === undefined ? {} : { rawFinish: finish }),
    })),
    ...(usage === undefined ? {} : { usage }),
  };
}
