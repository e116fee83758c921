import { GatewayError } from "../../errors/gateway-error.ts";
import type { FormatId } from "../../formats/conversation.ts";
import type { JsonObject } from "../../json/json.ts";
import { callHeaders } from "../../pipeline/answer-headers.ts";
import { ClientGone } from "../../pipeline/attempt.ts";
import { type RequestContext, visibleCallId } from "../../pipeline/request-context.ts";
import { settleFailure } from "../../pipeline/run-attempts.ts";
import { Settlement } from "../../pipeline/settlement.ts";
import { internalError, renderError } from "../render-error.ts";
import type { Services } from "../services.ts";

/**
 * Runs a model call; its refusals get the headers that every answer of a model route has. With `recorded` what is refused
 * before the pipeline knows of it has a row all the same, as every call of a caller who is known.
 */
export async function answerOrRefusal(
  services: Services,
  context: RequestContext,
  format: FormatId,
  run: () => Promise<Response>,
  recorded = false,
): Promise<Response> {
  try {
    refuseClientCredentials(context);
    return await run();
  } catch (error) {
    if (recorded && !services.accounts.settled(context.id)) {
      settleFailure(services, new Settlement(services, context), error);
    }
    if (error instanceof ClientGone) throw error;
    const told = toldError(services, error);
    const callId = context.snapshot.general.includeCallIdInErrorBody ? visibleCallId(context) : undefined;
    const response = renderError(told, format, callId);
    for (const [name, value] of Object.entries(callHeaders(context))) response.headers.set(name, value);
    response.headers.set("x-litellm-response-cost", "0");
    response.headers.set("x-litellm-key-spend", "0.0");
    return response;
  }
}

/** What the caller is told of an error; what is nobody's refusal is logged. */
export function toldError(services: Services, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  services.log.error("a model route failed", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return internalError();
}

const CREDENTIAL_FIELDS = ["api_base", "base_url", "api_key", "api_version", "model_list", "user_config"] as const;

/** A caller's own upstream address would let it read the operator's credentials off the wire. */
function refuseClientCredentials(context: RequestContext): void {
  if (context.snapshot.general.allowClientSideCredentials) return;
  const body: JsonObject = context.body;
  const field = CREDENTIAL_FIELDS.find((name) => body[name] !== undefined && body[name] !== null);
  if (field === undefined) return;
  throw new GatewayError(
    "authentication",
    `Authentication Error, Rejected Request: ${field} is not allowed in request body. ` +
      "Enable with `general_settings::allow_client_side_credentials` on proxy config.yaml.",
    { type: "auth_error", param: "None" },
  );
}
