import type { ErrorCode, UpstreamFailure } from "../../errors/gateway-error.ts";
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

/** One error object, from a body or from inside a stream. */
export function failureOf(error: JsonObject, status: number, raw: string): UpstreamFailure {
  const said = asString(error.error) ?? asString(asObject(error.error)?.message) ?? raw.trim();
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  return { code: codeOf(message, status), message };
}

function codeOf(message: string, status: number): ErrorCode {
  if (/prompt length .* exceeds|exceeds? (?:the )?max(?:imum)?_?(?:input| input|seq|num_tokens)/i.test(message)) {
    return "context_window_exceeded";
  }
  // Triton says 400 for a model that it does not have.
  if (/request for unknown model/i.test(message)) return "not_found";
  return codeOfStatus(status);
}
