import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** Cohere's own status for a key that is not valid. */
const INVALID_TOKEN = 498;

const TOO_LONG = /too many tokens|maximum (?:context|input|number of tokens)|context (?:length|window)/i;
const WRONG_KEY = /invalid api token|incorrect api key|no api key/i;

/** `{id, message}`, or whatever else came instead. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const holder = asObject(parseJson(body));
  const retryAfter = retryAfterOf(headers);
  return {
    ...failureOf(holder ?? {}, status, body),
    upstreamStatus: status === INVALID_TOKEN ? 401 : status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** One error object, from a body or from inside a stream. */
export function failureOf(error: JsonObject, status: number, raw: string): UpstreamFailure {
  const said =
    asString(error.message) ?? asString(error.error) ?? asString(asObject(error.error)?.message) ?? raw.trim();
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  const upstreamType = asString(error.error_type);
  return {
    code: codeOf(status, message),
    message,
    ...(upstreamType === undefined ? {} : { upstreamType }),
  };
}

function codeOf(status: number, message: string): ErrorCode {
  if (status < 500 && status !== 429 && TOO_LONG.test(message)) return "context_window_exceeded";
  if (status === 400 && WRONG_KEY.test(message)) return "authentication";
  return status === INVALID_TOKEN ? "authentication" : codeOfStatus(status);
}

/** An error as Cohere's clients read it. */
export function encodeError(error: GatewayError, callId: string | undefined): JsonObject {
  return { ...(callId === undefined ? {} : { id: callId }), message: error.message };
}
