import type { ErrorCode, UpstreamFailure } from "../../errors/gateway-error.ts";
import { asNumber, asObject, asString, type JsonObject, parseJson } from "../../json/json.ts";
import { codeOfStatus, retryAfterOf } from "../error-status.ts";

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html, "Errors" (2026-11-24) */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  accessdeniedexception: 403,
  expiredtokenexception: 403,
  invalidsignatureexception: 403,
  unrecognizedclientexception: 403,
  internalserverexception: 500,
  modelerrorexception: 424,
  modelnotreadyexception: 429,
  modelstreamerrorexception: 424,
  modeltimeoutexception: 408,
  resourcenotfoundexception: 404,
  servicequotaexceededexception: 400,
  serviceunavailableexception: 503,
  throttlingexception: 429,
  validationexception: 400,
};

const TOO_LONG =
  /too many (?:input )?tokens|expected maxLength:|input is too long|prompt is too long|input tokens exceeded|prompt tokens \(\d+\) exceed model maximum|maximum context length|exceeds the context window/i;
const NO_LOGIN =
  /security token included in the request is (?:invalid|expired)|unable to locate credentials|signature we calculated does not match|bearer token.*(?:invalid|expired)|invalid api key|api key (?:format|is)/i;

/** Bedrock's error: the type in `x-amzn-errortype`, the sentence in `message` or `Message`. */
export function decodeError(status: number, body: string, headers: Headers): UpstreamFailure {
  const holder = asObject(parseJson(body));
  const type = typeOf(headers.get("x-amzn-errortype") ?? asString(holder?.__type));
  const message = sentenceOf(holder) ?? (body.trim() === "" ? `status ${status} without a body` : body.slice(0, 2000));
  const retryAfter = retryAfterOf(headers);
  return {
    ...failureOf(message, type, status, holder),
    upstreamStatus: status,
    body,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

/** An exception inside a stream, as the event-stream framer writes it. */
export function exceptionFailure(type: string, data: string): UpstreamFailure {
  const holder = asObject(parseJson(data));
  const status = STATUS_OF_TYPE[type.toLowerCase()] ?? 500;
  return failureOf(sentenceOf(holder) ?? type, type, status, holder);
}

/** Whether a frame of an event stream is an exception, and not an event. */
export function isException(event: string | undefined, data: string): event is string {
  return event !== undefined && (STATUS_OF_TYPE[event.toLowerCase()] !== undefined || data.includes('"__type":'));
}

/** What a failure means, by sentence, type and status. */
export function refineFailure(failure: UpstreamFailure, status: number, body: string): UpstreamFailure {
  const holder = asObject(parseJson(body));
  const { code } = failureOf(failure.message, failure.upstreamType, status, holder);
  return { ...failure, code };
}

function failureOf(
  message: string,
  type: string | undefined,
  status: number,
  holder: JsonObject | undefined,
): UpstreamFailure {
  const original = asNumber(holder?.originalStatusCode);
  return {
    code: codeOf(message, status, original),
    message,
    ...(type === undefined ? {} : { upstreamType: type }),
  };
}

function codeOf(message: string, status: number, original: number | undefined): ErrorCode {
  if (status >= 400 && status < 500 && status !== 429 && TOO_LONG.test(message)) return "context_window_exceeded";
  if ((status === 401 || status === 403) && NO_LOGIN.test(message)) return "authentication";
  if (status === 422) return "invalid_request";
  // The model itself failed; the model's own status says whose fault that was.
  if (status === 424) return original === undefined || original < 400 ? "internal" : codeOfStatus(original);
  // Bedrock's 500 passes, as its 503 does.
  return status === 500 ? "service_unavailable" : codeOfStatus(status);
}

/** `ValidationException:http://internal.amazon.com/…` and `com.amazon#ValidationException` → `ValidationException`. */
function typeOf(text: string | undefined): string | undefined {
  const name = text?.split(":")[0]?.split("#").at(-1)?.trim();
  return name === "" ? undefined : name;
}

function sentenceOf(holder: JsonObject | undefined): string | undefined {
  return (
    asString(holder?.message) ?? asString(holder?.Message) ?? asString(asObject(holder?.error)?.message) ?? undefined
  );
}
