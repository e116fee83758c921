import type { RouteTarget } from "../routing/route-plan.ts";
import type { Gateway } from "./gateway.ts";
import type { RequestContext } from "./request-context.ts";
import { timeoutOf } from "./time-limits.ts";
import { ClientGone } from "./upstream-call.ts";

/** Waits before the next attempt. Rejects with ClientGone when the client does not. */
export async function waitSeconds(signal: AbortSignal, seconds: number): Promise<void> {
  if (signal.aborted) throw new ClientGone();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    signal.addEventListener("abort", end, { once: true });
  });
  if (signal.aborted) throw new ClientGone();
}

/** Waits until a slot of the group may be free: true, or false when the request has waited as long as it may. */
export async function waitForSlot(
  gateway: Gateway,
  context: RequestContext,
  { group }: RouteTarget,
  priority: number,
): Promise<boolean> {
  const { signal } = context.request;
  const [first] = group.candidates;
  if (signal.aborted) throw new ClientGone();
  const free = await new Promise<boolean>((resolve) => {
    const end = (value: boolean): void => {
      leave();
      deadline?.done();
      signal.removeEventListener("abort", gone);
      resolve(value);
    };
    const gone = (): void => end(false);
    const leave = group.queue.wait(priority, () => end(true));
    const deadline =
      first === undefined
        ? undefined
        : gateway.deadlines.add(timeoutOf(context, first.deployment), { expired: () => end(false) });
    signal.addEventListener("abort", gone, { once: true });
  });
  if (signal.aborted) {
    // Whoever is next may have the slot that this request was woken for.
    if (free) group.queue.freed();
    throw new ClientGone();
  }
  return free;
}
