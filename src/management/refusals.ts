import { DetailError } from "../errors/detail-error.ts";
import { GatewayError } from "../errors/gateway-error.ts";

/** A refusal in LiteLLM's envelope, as the routes of keys and users give it. */
export function badRequest(message: string, param?: string): GatewayError {
  return new GatewayError("invalid_request", message, { type: "bad_request_error", param });
}

/** A refusal in FastAPI's form, as the routes of teams, organisations and models give it. */
export function refused(status: number, message: string): DetailError {
  return new DetailError(status, { error: message });
}

export function notFound(what: string, id: string): DetailError {
  return refused(404, `${what} not found, passed ${what.toLowerCase()} id=${id}`);
}

export function keyNotFound(param = "key"): GatewayError {
  return new GatewayError("not_found", "Key not found in database", { type: "not_found_error", param });
}

/** The caller is known and may call the route, but not for this object. */
export function forbidden(message: string): DetailError {
  return refused(403, message);
}
