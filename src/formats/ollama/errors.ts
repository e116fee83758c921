import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** `{error: "text"}`. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const retryAfter = retryAfterOf(headers);
  return {
    ...failureOf(asObject(parseJson(body)) ?? {}, status, body),
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** One error object, from a body or a line of a stream. */
export function failureOf(error: JsonObject, status: number, raw: string): UpstreamFailure {
  const said =
    asString(error.error) ?? asString(asObject(error.error)?.message) ?? asString(error.message) ?? raw.trim();
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  return { code: codeOf(message, status), message };
}

function codeOf(message: string, status: number): ErrorCode {
  if (/exceed(?:s|ed)? (?:the )?(?:max(?:imum)? |available )?context|input length exceeds/i.test(message)) {
    return "context_window_exceeded";
  }
  // Ollama answers these with 500, although the request is at fault.
  if (/failed to load model|invalid image|failed to process (?:input|image)|illegal base64/i.test(message)) {
    return "invalid_request";
  }
  if (/model .*not found|try pulling it first/i.test(message)) return "not_found";
  return codeOfStatus(status);
}

/** An error as Ollama's clients read it. */
export function encodeError(error: GatewayError): JsonObject {
  return { error: error.message };
}
