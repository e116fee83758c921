import { limitSettingsOf } from "../admission/limit-settings.ts";
import type { Extension } from "../admission/scope.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { dearest, reservedFor } from "./bounds.ts";
import type { Gateway } from "./gateway.ts";
import { OutputAllowance } from "./output-allowance.ts";
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
  run: AttemptRun,
  passesThrough: boolean,
): OutputAllowance | undefined {
  const { settlement, context, held } = run;
  if (!run.progress.metered) return undefined;
  const room = least(settlement.lease?.room, held?.room);
  const reserved = reservedFor(run);
  const amount = dearest(reserved.prices, reserved.bounds);
  if (room === undefined || amount === 0n || limitSettingsOf(context.snapshot).reservation === "none") return undefined;
  const tight = room < amount * AMPLE_EXTENSIONS;
  // A provider goes on writing while a tokenizer is loaded, so it is there before it is needed.
  if (tight) loadTokenizer().catch((error: unknown) => gateway.log.error("no tokenizer", { reason: String(error) }));
  return new OutputAllowance({
    reserved,
    extend: (more) => extendBoth(gateway, run, more),
    // The last event of a Responses stream repeats all that came before.
    record: tight || (passesThrough && context.client.id === "openai-responses"),
    count: (sent) => countText(writtenText(sent)),
  });
}

function least(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

/** What the caller's budgets and those of the deployment hold grows together. */
function extendBoth(gateway: Gateway, run: AttemptRun, more: bigint): Extension | Promise<Extension> {
  const extension = extendLease(gateway, run.settlement, run.context.id, more);
  const { held } = run;
  if (held === undefined) return extension;
  if (extension instanceof Promise) return extension.then((said) => (said.granted ? held.extend(more) : said));
  return extension.granted ? held.extend(more) : extension;
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
