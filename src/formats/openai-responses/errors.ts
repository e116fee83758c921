import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

const TOO_LONG =
  /maximum context length|exceed(?:s|ed)? (?:the |your |max )*context (?:window|length|limit|size)|longer than the model's context length|input tokens exceed the configured limit|exceeds the (?:available context size|maximum number of tokens allowed)|model's maximum context limit|current length is .* while limit is|maximum input length is .* tokens|`inputs` tokens \+ `max_new_tokens` must be|exceed model maximum/i;
const POLICY = /violating our usage policy|our safety system|content management policy|content_policy_violation/i;
const WRONG_KEY = /incorrect api key provided|invalid api key/i;
const RATE = /rate limit|service tier capacity exceeded/i;

const BY_WORD: Readonly<Record<string, ErrorCode>> = {
  context_length_exceeded: "context_window_exceeded",
  too_many_prompt_tokens: "context_window_exceeded",
  content_policy_violation: "content_policy_violation",
  content_filter: "content_policy_violation",
  ResponsibleAIPolicyViolation: "content_policy_violation",
  invalid_api_key: "authentication",
  authentication_error: "authentication",
  permission_error: "permission_denied",
  model_not_found: "not_found",
  DeploymentNotFound: "not_found",
  not_found_error: "not_found",
  rate_limit_exceeded: "rate_limit",
  rate_limit_error: "rate_limit",
  insufficient_quota: "rate_limit",
  invalid_prompt: "invalid_request",
  invalid_request_error: "invalid_request",
  server_error: "internal",
  api_error: "internal",
  overloaded_error: "overloaded",
  server_overloaded: "overloaded",
};

/** OpenAI's error body, or whatever a compatible server or a proxy sent instead of it. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const parsed = parseJson(body);
  const holder = asObject(Array.isArray(parsed) ? (parsed as readonly Json[])[0] : parsed);
  const error = asObject(holder?.error) ?? holder ?? {};
  const said = sentence(holder) ?? body.trim().slice(0, 2000);
  const retryAfter = milliseconds(headers) ?? retryAfterOf(headers);
  const should = headers.get("x-should-retry");
  return {
    ...failureOf({ ...error, message: said === "" ? `status ${status} without a body` : said }, status),
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(should === "true" ? { retryable: true } : should === "false" ? { retryable: false } : {}),
  };
}

function milliseconds(headers: Headers): number | undefined {
  const value = headers.get("retry-after-ms");
  const wait = value === null || value === "" ? undefined : asNumber(Number(value));
  return wait === undefined ? undefined : Math.max(wait, 0) / 1000;
}

/** The sentence of an error body in any of the shapes that compatible servers use. */
function sentence(holder: JsonObject | undefined): string | undefined {
  if (holder === undefined) return undefined;
  const error = holder.error;
  const first = asArray(holder.errors)[0] ?? asArray(holder.detail)[0];
  return (
    asString(asObject(error)?.message) ??
    asString(error) ??
    asString(holder.message) ??
    asString(holder.detail) ??
    asString(first) ??
    asString(asObject(first)?.message) ??
    asString(asObject(first)?.msg)
  );
}

/** One `error` object. In a stream there is no status, and its words alone decide. */
export function failureOf(error: JsonObject, status: number | undefined): UpstreamFailure {
  const type = asString(error.type);
  const code = asString(error.code) ?? (typeof error.code === "number" ? String(error.code) : undefined);
  const param = asString(error.param);
  const message = asString(error.message) ?? type ?? "the provider reported an error without a message";
  const noQuota = code === "insufficient_quota" || type === "insufficient_quota";
  return {
    code: codeOf(status, [code, asString(asObject(error.innererror)?.code), type], message),
    message,
    ...(type === undefined || type === "error" ? {} : { upstreamType: type }),
    ...(param === undefined ? {} : { param }),
    ...(code === undefined ? {} : { upstreamCode: code }),
    ...(noQuota ? { retryable: false } : {}),
  };
}

function codeOf(status: number | undefined, words: readonly (string | undefined)[], message: string): ErrorCode {
  if (status === 429) return "rate_limit";
  const [code] = words;
  if (code !== "string_above_max_length" && TOO_LONG.test(message)) return "context_window_exceeded";
  for (const word of words) {
    const known = word === undefined ? undefined : BY_WORD[word];
    // The type that stands on nearly everything says less than the status and the sentence.
    if (known !== undefined && word !== "invalid_request_error" && word !== "server_error") return known;
  }
  if (POLICY.test(message)) return "content_policy_violation";
  if (WRONG_KEY.test(message)) return "authentication";
  if (status !== undefined) return status === 413 && RATE.test(message) ? "rate_limit" : codeOfStatus(status);
  const http = asNumber(Number(code));
  if (http !== undefined && http >= 400 && http < 600) return http === 429 ? "rate_limit" : codeOfStatus(http);
  if (RATE.test(message)) return "rate_limit";
  return words.includes("invalid_request_error") ? "invalid_request" : "internal";
}

/** The failure that an `error` event, flat or nested, or a `failed` answer reports. */
export function streamFailure(event: JsonObject): UpstreamFailure {
  const response = asObject(event.response);
  return failureOf(
    response === undefined ? (asObject(event.error) ?? event) : (asObject(response.error) ?? {}),
    undefined,
  );
}

/** An error in OpenAI's envelope; `code` is the status as text. */
export function encodeError(error: GatewayError, callId: string | undefined): JsonObject {
  return {
    error: {
      message: error.message,
      type: error.type,
      param: error.param ?? null,
      code: String(error.status),
      ...(error.providerFields === undefined ? {} : { provider_specific_fields: error.providerFields }),
      ...(callId === undefined ? {} : { litellm_call_id: callId }),
    },
  };
}

/** The error of a `response.failed` event. */
export function encodeStreamError(error: GatewayError): JsonObject {
  const words: { readonly [C in ErrorCode]?: string } = {
    rate_limit: "rate_limit_exceeded",
    context_window_exceeded: "context_length_exceeded",
    content_policy_violation: "content_policy_violation",
    invalid_request: "invalid_prompt",
  };
  return { code: words[error.code] ?? "server_error", message: error.message };
}
