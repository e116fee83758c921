import type { ErrorCode, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** TGI's `error_type` where it says more than the status. */
const BY_TYPE: Readonly<Record<string, ErrorCode>> = {
  overloaded: "rate_limit",
  incomplete_generation: "internal",
  generation: "internal",
};

const TOO_LONG = /`inputs` (?:tokens \+ `max_new_tokens` )?must (?:be|have)|length limit exceeded|input is too long/i;

/** `{error, error_type}`; `error` may be a list, an object or missing. */
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
  const list = asArray(error.error).filter((item): item is string => typeof item === "string");
  const said =
    asString(error.error) ??
    asString(asObject(error.error)?.message) ??
    asString(error.message) ??
    (list.length > 0 ? list.join("; ") : raw.trim());
  const message = said === "" ? `status ${status} without a body` : said.slice(0, 2000);
  const type = asString(error.error_type);
  return {
    code: codeOf(message, type, status),
    message,
    ...(type === undefined ? {} : { upstreamType: type }),
  };
}

function codeOf(message: string, type: string | undefined, status: number): ErrorCode {
  if (TOO_LONG.test(message)) return "context_window_exceeded";
  if (/a valid user token is required/i.test(message)) return "authentication";
  return (type === undefined ? undefined : BY_TYPE[type]) ?? codeOfStatus(status);
}
