import { ERROR_CODES, GatewayError } from "../errors/gateway-error.ts";
import type { FormatId } from "../formats/conversation.ts";
import { formatById } from "../formats/registry.ts";

/** An error as an answer, in the words of the caller's format. */
export function renderError(error: GatewayError, format: FormatId, callId: string | undefined): Response {
  const body = formatById(format).encodeError(error, callId);
  return new Response(JSON.stringify(body), {
    status: error.status,
    headers: { "content-type": "application/json", ...error.headers },
  });
}

/** What a defect of the gateway looks like from outside: nothing of its inside. */
export function internalError(): GatewayError {
  return new GatewayError("internal", "Internal server error", { type: ERROR_CODES.internal.openaiType });
}
