import type { Extension } from "../admission/scope.ts";
import { canOutgrow } from "./bounds.ts";
import type { Gateway } from "./gateway.ts";
import { OutputAllowance } from "./output-allowance.ts";
import type { RequestContext } from "./request-context.ts";
import { writtenText } from "./sent-output.ts";
import type { Settlement } from "./settlement.ts";
import { countText, loadTokenizer } from "./token-count.ts";

/** With room for fewer extensions than this, what is sent is recorded from the start, to be counted when they end. */
const AMPLE_EXTENSIONS = 4n;

/**
 * How long a stream may go on; undefined where its reservation suffices, whatever comes. `passesThrough`: the client gets
 * the provider's own events.
 */
export function streamAllowance(
  gateway: Gateway,
  context: RequestContext,
  settlement: Settlement,
  passesThrough: boolean,
): OutputAllowance | undefined {
  const { lease, reserved } = settlement;
  if (lease === undefined || reserved === undefined || !canOutgrow(reserved, context)) return undefined;
  const { room } = lease;
  if (room === undefined || lease.amount === 0n) return undefined;
  const tight = room < lease.amount * AMPLE_EXTENSIONS;
  // A provider goes on writing while a tokenizer is loaded, so it is there before it is needed.
  if (tight) loadTokenizer().catch((error: unknown) => gateway.log.error("no tokenizer", { reason: String(error) }));
  return new OutputAllowance({
    reserved,
    extend: (more) => extendLease(gateway, settlement, context.id, more),
    // The last event of a Responses stream repeats all that came before.
    record: tight || (passesThrough && context.client.id === "openai-responses"),
    count: (sent) => countText(writtenText(sent)),
  });
}

/** Holds more for a request, and journals that it may cost as much. */
export function extendLease(
  { accounts }: Gateway,
  settlement: Settlement,
  id: string,
  more: bigint,
): Extension | Promise<Extension> {
  const { lease } = settlement;
  if (lease === undefined) return { granted: true };
  const noted = (extension: Extension): Extension => {
    if (extension.granted && settlement.opened) accounts.extend(id, String(lease.amount));
    return extension;
  };
  const extension = lease.extend(more);
  return extension instanceof Promise ? extension.then(noted) : noted(extension);
}
