import type { ErrorCode, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** `{detail, title?, status?, type?}`; invalid inputs come as `invalid_fields`. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const holder = asObject(parseJson(body));
  const message = sentenceOf(holder) ?? (body.trim() === "" ? `status ${status} without a body` : body.slice(0, 2000));
  const type = asString(holder?.type);
  const retryAfter = asNumber(holder?.retry_after) ?? retryAfterOf(headers);
  return {
    ...failureOf(message, status),
    upstreamStatus: status,
    body,
    ...(type === undefined ? {} : { upstreamType: type }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function sentenceOf(holder: JsonObject | undefined): string | undefined {
  const detail = asString(holder?.detail) ?? asString(holder?.error) ?? asString(holder?.title);
  const fields = asArray(holder?.invalid_fields).flatMap((field) => {
    const description = asString(asObject(field)?.description);
    return description === undefined ? [] : [description];
  });
  if (detail === undefined) return fields.length === 0 ? undefined : fields.join("; ");
  return fields.length === 0 ? detail : `${detail} (${fields.join("; ")})`;
}

/** The sentence of a refused call, or of a prediction that failed (no status). */
export function failureOf(message: string, status: number | undefined): UpstreamFailure {
  return { code: codeOf(message, status), message };
}

function codeOf(message: string, status: number | undefined): ErrorCode {
  if (/incorrect authentication token|unauthenticated|did not pass an authentication token/i.test(message)) {
    return "authentication";
  }
  if (/input is too long|context (?:length|window)|too many tokens|maximum (?:input|prompt) length/i.test(message)) {
    return "context_window_exceeded";
  }
  if (/request was throttled/i.test(message)) return "rate_limit";
  if (/sensitive|nsfw|safety/i.test(message) && (status === undefined || status === 422)) {
    return "content_policy_violation";
  }
  if (status === undefined) return "internal";
  return status === 500 ? "service_unavailable" : codeOfStatus(status);
}
