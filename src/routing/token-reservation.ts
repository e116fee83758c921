import type { Candidate } from "./candidate.ts";
import type { RouteRequest } from "./route-request.ts";

/** LiteLLM's figure for a call without `max_tokens` to a model whose most is unknown. */
const UNKNOWN_OUTPUT = 4096;

/** Tokens that a call holds of its deployment's limits while it is under way. */
export interface TokenReservation {
  readonly input: number;
  readonly output: number;
}

/**
 * What a call holds of `itpm` and `otpm` from its beginning on, undefined where its deployment has neither: the prompt's
 * estimate, at least 1, and the output that it asks for, else the most that the model can write. LiteLLM's rule.
 */
export function reservationOf(
  { itpm, otpm, deployment }: Candidate,
  request: RouteRequest,
): TokenReservation | undefined {
  if (itpm === undefined && otpm === undefined) return undefined;
  return {
    input: itpm === undefined ? 0 : Math.max(1, request.exactTokens ?? request.promptTokens),
    output: otpm === undefined ? 0 : (askedOutput(request) ?? deployment.facts.maxOutputTokens ?? UNKNOWN_OUTPUT),
  };
}

function askedOutput({ body }: RouteRequest): number | undefined {
  for (const name of ["max_tokens", "max_completion_tokens", "max_output_tokens"]) {
    const value = body[name];
    if (typeof value === "number" && value >= 0) return Math.ceil(value);
  }
  return undefined;
}
