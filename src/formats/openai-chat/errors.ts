import type { ErrorCode, GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asArray, asObject, asString, type Json, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

const CONTEXT_WINDOW =
  /context_length_exceeded|maximum context length|context window|prompt is too long|input is too long|too many tokens|exceeds? the (?:available )?context|exceed context limit|longer than the model's context|current length is \d+ while limit is|reduce the length of (?:the )?(?:messages|input)|tokens in request more than max tokens|tokens\W+max_new_tokens\W+must be|input tokens exceed the configured limit|exceeds the maximum number of tokens allowed|maximum input length is \d+ tokens|too_many_prompt_tokens|exceeded max context length|string_above_max_length/i;
const CONTENT_POLICY =
  /content_policy_violation|content management policy|responsibleaipolicyviolation|rejected as a result of (?:our|the) safety system|content_filter_error/i;
const NEVER_AGAIN = new Set([
  "insufficient_quota",
  "billing_hard_limit_reached",
  "account_deactivated",
  "invalid_api_key",
]);

/** An error body of OpenAI's form, of one of its many cousins, or of no form at all. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const parsed = parseJson(body);
  const holder = asObject(Array.isArray(parsed) ? parsed[0] : parsed);
  const failure = failureOf(holder, status, body);
  const retryAfterMs = Number(headers.get("retry-after-ms") ?? Number.NaN);
  const retryAfter = Number.isFinite(retryAfterMs) ? retryAfterMs / 1000 : retryAfterOf(headers);
  return { ...failure, upstreamStatus: status, body, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** What an error object says; `text` stands in where it says nothing. */
export function failureOf(holder: JsonObject | undefined, status: number, text: string): UpstreamFailure {
  const error = asObject(holder?.error);
  const message = sentenceOf(holder, error) ?? plainText(text, status);
  const type = asString(error?.type) ?? asString(holder?.type);
  const code = asString(error?.code) ?? asString(holder?.code);
  const param = asString(error?.param) ?? asString(holder?.param);
  const whole = `${code ?? ""} ${type ?? ""} ${message}`;
  return {
    code: classify(status, whole),
    message,
    upstreamStatus: status,
    ...(type === undefined ? {} : { upstreamType: type }),
    ...(code === undefined ? {} : { upstreamCode: code }),
    ...(param === undefined ? {} : { param }),
    ...((code !== undefined && NEVER_AGAIN.has(code)) || (type !== undefined && NEVER_AGAIN.has(type))
      ? { retryable: false }
      : {}),
  };
}

function classify(status: number, text: string): ErrorCode {
  if (status === 400 || status === 413 || status === 422) {
    if (CONTEXT_WINDOW.test(text)) return "context_window_exceeded";
    if (CONTENT_POLICY.test(text)) return "content_policy_violation";
  }
  return codeOfStatus(status);
}

function sentenceOf(holder: JsonObject | undefined, error: JsonObject | undefined): string | undefined {
  if (holder === undefined) return undefined;
  const direct =
    said(error?.message) ??
    said(holder.error) ??
    said(holder.message) ??
    said(holder.detail) ??
    said(holder.error_message) ??
    said(holder.errors);
  const metadata = asObject(error?.metadata);
  // OpenRouter wraps the provider's own words.
  const raw = said(metadata?.raw);
  if (direct !== undefined && raw !== undefined && !direct.includes(raw)) return `${direct}: ${raw}`;
  return direct;
}

function said(value: Json | undefined): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value;
  if (Array.isArray(value)) {
    const parts = asArray(value).map(
      (item) =>
        said(asObject(item)?.message) ??
        said(asObject(item)?.msg) ??
        (typeof item === "string" ? item : JSON.stringify(item)),
    );
    return parts.length === 0 ? undefined : parts.join("; ");
  }
  const object = asObject(value);
  if (object === undefined) return undefined;
  return (
    said(object.message) ??
    said(object.msg) ??
    said(object.detail) ??
    (Object.keys(object).length === 0 ? undefined : JSON.stringify(object))
  );
}

/** HTML and other text, without its tags. */
function plainText(text: string, status: number): string {
  const plain = /<\w/.test(text) ? text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, " ").replace(/<[^>]+>/g, " ") : text;
  const short = plain.replace(/\s+/g, " ").trim().slice(0, 2000);
  return short === "" ? `status ${status} without a body` : short;
}

/** An error in OpenAI's envelope, as LiteLLM 1.106 writes it. */
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
