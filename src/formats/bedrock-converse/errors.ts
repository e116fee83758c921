import type { GatewayError, UpstreamFailure } from "../../errors/gateway-error.ts";
import type { JsonObject } from "../../json/json.ts";
import { exceptionFailure, isException } from "../bedrock-invoke/errors.ts";

/** Statuses and the exceptions that AWS answers them with; https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, "Errors" (2026-11) */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  400: "ValidationException",
  401: "AccessDeniedException",
  403: "AccessDeniedException",
  404: "ResourceNotFoundException",
  408: "ModelTimeoutException",
  424: "ModelErrorException",
  429: "ThrottlingException",
  503: "ServiceUnavailableException",
};

/** An error as AWS's JSON protocol writes it. */
export function encodeError(error: GatewayError): JsonObject {
  const known = EXCEPTIONS[error.status];
  const type = known ?? (error.status < 500 ? "ValidationException" : "InternalServerException");
  return { __type: type, message: error.message };
}

/** What went wrong, where the frame is an exception and not an event. */
export function exceptionOf(event: string | undefined, data: string): UpstreamFailure | undefined {
  return isException(event, data) ? exceptionFailure(event, data) : undefined;
}
