import { GatewayError } from "../errors/gateway-error.ts";
import { isObject, type JsonObject } from "../json/json.ts";
import type { RouteRequest } from "./route.ts";

export interface RequestBody {
  readonly text: string;
  /** Size in bytes of UTF-8. */
  readonly bytes: number;
  readonly json: JsonObject;
}

/** The client went away before its body was complete: there is nobody to answer. */
export class BodyBroken extends Error {
  override readonly name = "BodyBroken";
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Reads and parses a JSON body once. An empty body counts as `{}`. Throws the caller's refusal. */
export async function readBody(request: Request, limit: number): Promise<RequestBody> {
  return parseBody(await readBytes(request, limit));
}

/** Stands for a body that could not be read. */
export const UNREAD_BODY: RequestBody = { text: "", bytes: 0, json: {} };

/** As `readBody`, within the configured limit, with the refusal as a value, for who has to write it down. */
export async function bodyOrRefusal({ request, services }: RouteRequest): Promise<RequestBody | GatewayError> {
  try {
    return await readBody(request, services.snapshot().general.maxRequestSizeBytes);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

/** Reads a body whole, whatever it is. Throws the caller's refusal. */
export async function readBytes(request: Request, limit: number): Promise<ArrayBuffer | Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null && Number(declared) > limit) throw tooLarge(limit);
  const buffer =
    declared === null && request.body !== null ? await readCounted(request, limit) : await readAll(request);
  if (buffer.byteLength > limit) throw tooLarge(limit);
  return buffer;
}

/** Parses a JSON body that was read already. An empty one counts as `{}`. Throws the caller's refusal. */
export function parseBody(buffer: ArrayBuffer | Uint8Array): RequestBody {
  if (buffer.byteLength === 0) return { text: "{}", bytes: 2, json: {} };
  let text: string;
  try {
    text = decoder.decode(buffer);
  } catch (cause) {
    throw invalidJson("the body is not valid UTF-8", cause);
  }
  return { text, bytes: buffer.byteLength, json: parse(text) };
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (text.trim() === "") return {};
    throw invalidJson(cause instanceof Error ? cause.message.replace(/^JSON Parse error: /, "") : String(cause), cause);
  }
  if (!isObject(value)) {
    throw new GatewayError("invalid_request", "Invalid request body: a JSON object is expected", {
      param: "request_body",
    });
  }
  return value;
}

async function readAll(request: Request): Promise<ArrayBuffer> {
  try {
    return await request.arrayBuffer();
  } catch (cause) {
    throw new BodyBroken("the request body ended before it was complete", { cause });
  }
}

/** A body of unknown size is counted while it arrives, so that it never grows beyond the limit. */
async function readCounted(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > limit) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new BodyBroken("the request body ended before it was complete", { cause });
  }
  if (size > limit) throw tooLarge(limit);
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function invalidJson(reason: string, cause: unknown): GatewayError {
  return new GatewayError("invalid_request", `Invalid JSON payload: ${reason}`, { param: "request_body", cause });
}

function tooLarge(limit: number): GatewayError {
  const megabytes = Math.round((limit / (1024 * 1024)) * 100) / 100;
  return new GatewayError("request_too_large", `Request size is too large. Max size is ${megabytes} MB`, {
    param: "request_body",
  });
}
