import { GatewayError } from "../errors/gateway-error.ts";
import { asArray, asNumber, asObject, asString, type JsonObject, parseJson } from "../json/json.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { type RequestRules, requestRulesOf } from "./request-rules.ts";

/** What a caller may say about one call beside the model's own parameters. Times in seconds. */
export interface CallControls {
  readonly timeout: number | undefined;
  readonly streamTimeout: number | undefined;
  readonly numRetries: number | undefined;
  readonly dropParams: boolean | undefined;
  readonly additionalDropParams: readonly string[];
  readonly allowedOpenaiParams: readonly string[];
  readonly tags: readonly string[];
  readonly endUser: string | undefined;
  readonly sessionId: string | undefined;
  /** The caller's own name for the call; echoed, and kept beside the gateway's own id. */
  readonly callId: string | undefined;
}

const VISIBLE_ID = /^[\x21-\x7e]{1,256}$/;
const SESSION_ID = /^[A-Za-z0-9_-]{8,}$/;

/** What a call is taken to say whose own words cannot be used. */
export const NO_CONTROLS: CallControls = readCallControls({}, new Headers());

/** As `readCallControls`, with the refusal as a value, for who has to write it down. */
export function controlsOrRefusal(body: JsonObject, headers: Headers, snapshot: Snapshot): CallControls | GatewayError {
  try {
    return readCallControls(body, headers, snapshot);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

/**
 * Reads LiteLLM's request headers and body extras. Wrong types are refused, naming the field. The configuration may name
 * header fields of its own that say who the end user is.
 */
export function readCallControls(body: JsonObject, headers: Headers, snapshot?: Snapshot): CallControls {
  const rules = snapshot === undefined ? undefined : requestRulesOf(snapshot);
  const metadata = asObject(body.litellm_metadata) ?? asObject(body.metadata);
  return {
    timeout:
      seconds(body.timeout, "timeout") ??
      seconds(body.request_timeout, "request_timeout") ??
      headerSeconds(headers, "x-litellm-timeout"),
    streamTimeout: seconds(body.stream_timeout, "stream_timeout") ?? headerSeconds(headers, "x-litellm-stream-timeout"),
    numRetries:
      count(body.num_retries, "num_retries") ??
      count(body.max_retries, "max_retries") ??
      headerCount(headers, "x-litellm-num-retries"),
    dropParams: typeof body.drop_params === "boolean" ? body.drop_params : undefined,
    additionalDropParams: names(body.additional_drop_params, "additional_drop_params"),
    allowedOpenaiParams: names(body.allowed_openai_params, "allowed_openai_params"),
    tags: [
      ...asArray(body.tags).filter((tag): tag is string => typeof tag === "string"),
      ...asArray(metadata?.tags).filter((tag): tag is string => typeof tag === "string"),
      ...(headers.get("x-litellm-tags") ?? "")
        .split(",")
        .map((tag) => tag.trim())
        .filter((tag) => tag !== ""),
    ],
    endUser: readable(
      rules,
      headers.get("x-litellm-customer-id") ??
        headers.get("x-litellm-end-user-id") ??
        (rules === undefined ? undefined : configuredEndUser(rules, headers)) ??
        asString(body.user) ??
        asString(asObject(body.litellm_metadata)?.user) ??
        asString(asObject(body.metadata)?.user_id) ??
        asString(body.safety_identifier),
    ),
    sessionId:
      headers.get("x-litellm-trace-id") ??
      headers.get("x-litellm-session-id") ??
      asString(body.litellm_trace_id) ??
      asString(body.litellm_session_id) ??
      sessionOf(metadata),
    callId: visible(headers.get("x-litellm-call-id") ?? asString(body.litellm_call_id)),
  };
}

function configuredEndUser({ endUserHeaders }: RequestRules, headers: Headers): string | undefined {
  for (const name of endUserHeaders) {
    const value = headers.get(name)?.trim();
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

/** Where the database has to know end users, an object in text is none. */
function readable(rules: RequestRules | undefined, endUser: string | undefined): string | undefined {
  if (rules?.validatesEndUser !== true || endUser === undefined || !/^\s*[{[]/.test(endUser)) return endUser;
  const parsed = parseJson(endUser);
  return typeof parsed === "object" && parsed !== null ? undefined : endUser;
}

/** What comes from a body goes into a header only when it fits there. */
function visible(id: string | undefined): string | undefined {
  return id !== undefined && VISIBLE_ID.test(id) ? id : undefined;
}

function sessionOf(metadata: JsonObject | undefined): string | undefined {
  const id = asString(metadata?.session_id) ?? asString(metadata?.trace_id);
  return id !== undefined && SESSION_ID.test(id) ? id : undefined;
}

function seconds(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = typeof value === "string" && value.trim() !== "" ? asNumber(Number(value)) : asNumber(value);
  if (number === undefined || number <= 0) {
    throw new GatewayError("invalid_request", `'${name}' must be a positive number of seconds`, { param: name });
  }
  return number;
}

function count(value: unknown, name: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new GatewayError("invalid_request", `'${name}' must be a whole number of 0 or more`, { param: name });
  }
  return Math.min(value, 100);
}

function names(value: unknown, name: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new GatewayError("invalid_request", `'${name}' must be a list of strings`, { param: name });
  }
  return value as string[];
}

function headerSeconds(headers: Headers, name: string): number | undefined {
  const value = headers.get(name);
  return value === null ? undefined : seconds(value, name);
}

function headerCount(headers: Headers, name: string): number | undefined {
  const value = headers.get(name);
  return value === null ? undefined : count(Number(value), name);
}
