import type { Candidate } from "../candidate.ts";
import { type DropReason, keep, type SelectionInput, type Stage } from "../selection.ts";
import { reservationOf } from "../token-reservation.ts";

const EU = /^(eu|europe|swedencentral|francecentral|germanywestcentral|switzerland|norway|poland|italynorth|spain|uk)/;
const US = /^(us|eastus|westus|centralus|northcentralus|southcentralus)/;

/** `enable_pre_call_checks`: what the prompt and the caller need that the deployment does not have. */
export const preCallChecks: Stage = (candidates, input) => {
  if (!input.request.hasMessages) return keep(candidates, input, overRate);
  return keep(candidates, input, missing, (candidate) => windowText(candidate, input));
};

/** Limits of requests and tokens in this minute. */
export const rateLimits: Stage = (candidates, input) => keep(candidates, input, overRate);

/** Where an end user's data may go, `enable_pre_call_checks` or not. */
export const requiredRegion: Stage = (candidates, input) => {
  const { requiredRegion: region } = input.request;
  if (region === undefined) return candidates;
  return keep(candidates, input, (candidate) => (inRegion(candidate.region, region) ? undefined : "region"));
};

function missing(candidate: Candidate, input: SelectionInput): DropReason | undefined {
  const { request } = input;
  const { facts, settings } = candidate.deployment;
  if (facts.maxInputTokens !== undefined && promptSize(input) > facts.maxInputTokens) return "context_window";
  const over = overRate(candidate, input);
  if (over !== undefined) return over;
  if (request.allowedRegion !== undefined && !inRegion(candidate.region, request.allowedRegion)) return "region";
  const drops = request.dropParams ?? settings.dropParams ?? input.rules.dropParams;
  if (request.hasResponseFormat && !drops && facts.supports.response_schema === false) return "response_format";
  return undefined;
}

/** What fits in bytes fits in tokens; only what does not is worth a count. */
function promptSize({ request }: SelectionInput): number {
  return request.exactTokens ?? request.promptTokens;
}

function windowText({ deployment }: Candidate, input: SelectionInput): string | undefined {
  const most = deployment.facts.maxInputTokens;
  return most === undefined ? undefined : `${promptSize(input)} tokens of prompt, room for ${most}`;
}

function overRate(candidate: Candidate, input: SelectionInput): DropReason | undefined {
  const { rpm, tpm, itpm, otpm, state } = candidate;
  const { now } = input;
  if (rpm !== undefined && state.minute.requests(now) + 1 > rpm) return "rpm";
  if (tpm !== undefined && state.minute.tokens(now) + promptSize(input) > tpm) return "tpm";
  const holds = reservationOf(candidate, input.request);
  if (holds === undefined) return undefined;
  if (itpm !== undefined && state.minute.input(now) + holds.input > itpm) return "itpm";
  return otpm !== undefined && state.minute.output(now) + holds.output > otpm ? "otpm" : undefined;
}

/** `eu` and `us` stand for all regions there; anything else must be the region itself. */
export function inRegion(region: string | undefined, allowed: string): boolean {
  if (region === undefined) return false;
  const own = region.toLowerCase();
  const wanted = allowed.toLowerCase();
  if (own === wanted) return true;
  if (wanted === "eu") return EU.test(own);
  return wanted === "us" && US.test(own);
}
