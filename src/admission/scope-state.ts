import type { Ask, Extension, Refusal, Remainder, Scope, Verdict } from "./scope.ts";

/** LiteLLM's window of limits per minute, which begins with the first request in it. */
export const WINDOW_MS = 60_000;

/** What has been used of a scope. Plain numbers, so that memory, SQLite and Redis keep the same. */
export interface ScopeState {
  /** Nano-dollars since the beginning, as the ledger counts them. */
  total: bigint;
  /** Nano-dollars of calls under way. */
  held: bigint;
  /** Milliseconds of the counters' clock. */
  windowStart: number;
  requests: number;
  tokens: number;
  /** Calls under way. */
  running: number;
}

export function newState(total: bigint): ScopeState {
  return { total, held: 0n, windowStart: Number.NEGATIVE_INFINITY, requests: 0, tokens: 0, running: 0 };
}

/** What a call holds of its scopes until it is settled. */
export interface Hold {
  readonly scopes: readonly string[];
  readonly amount: bigint;
  readonly tokens: number;
  /** When it was taken, by the counters' clock. */
  readonly takenAt: number;
}

/** Whether the present window has ended. One that lies in the future means that the clock is another than before. */
function isOver({ windowStart }: ScopeState, now: number): boolean {
  return now - windowStart >= WINDOW_MS || now < windowStart;
}

/**
 * Decides on a call over all its scopes and, when it fits all of them, holds it: everything or nothing.
 * `states[i]` belongs to `ask.scopes[i]`.
 */
export function take(ask: Ask, states: readonly ScopeState[], now: number): Verdict {
  for (let index = 0; index < states.length; index++) {
    const refusal = judge(ask.scopes[index] as Scope, states[index] as ScopeState, ask, now);
    if (refusal !== undefined) return { admitted: false, refusal };
  }
  const remainders: Remainder[] = [];
  for (let index = 0; index < states.length; index++) {
    const state = states[index] as ScopeState;
    const scope = ask.scopes[index] as Scope;
    if (isOver(state, now)) {
      state.windowStart = now;
      state.requests = 0;
      state.tokens = 0;
    }
    state.held += ask.amount;
    state.requests++;
    state.tokens += ask.tokens;
    state.running++;
    const { rpm, tpm, maxBudget } = scope.limits;
    remainders.push({
      scope,
      requests: rpm === undefined ? undefined : Math.max(rpm - state.requests, 0),
      tokens: tpm === undefined ? undefined : Math.max(tpm - state.tokens, 0),
      spent: state.total + scope.offset,
      room: maxBudget === undefined ? undefined : maxBudget - state.total - scope.offset - state.held,
    });
  }
  return { admitted: true, remainders };
}

/** Lets a hold grow by `more` nano-dollars where every scope has room for it: everything or nothing. */
export function extend(scopes: readonly Scope[], states: readonly ScopeState[], more: bigint): Extension {
  let least: bigint | undefined;
  for (let index = 0; index < states.length; index++) {
    const { limits, offset } = scopes[index] as Scope;
    const { total, held } = states[index] as ScopeState;
    if (limits.maxBudget === undefined) continue;
    const room = limits.maxBudget - total - offset - held;
    if (least === undefined || room < least) least = room;
  }
  if (least !== undefined && more > least) return { granted: false, room: least > 0n ? least : 0n };
  for (const state of states) state.held += more;
  return { granted: true };
}

function judge(scope: Scope, state: ScopeState, ask: Ask, now: number): Refusal | undefined {
  const { maxBudget, rpm, tpm, parallel } = scope.limits;
  const spent = state.total + scope.offset;
  const room = maxBudget === undefined ? 0n : maxBudget - spent - state.held;
  const over = isOver(state, now);
  const requests = over ? 0 : state.requests;
  const tokens = over ? 0 : state.tokens;
  const refuse = (kind: Refusal["kind"], limit: number, remaining: number): Refusal => ({
    scope,
    kind,
    spent,
    room,
    limit,
    remaining: Math.max(remaining, 0),
    resetMs: over ? WINDOW_MS : state.windowStart + WINDOW_MS - now,
  });
  if (maxBudget !== undefined && !ask.free) {
    const used = scope.refusesWhen === "at" ? spent >= maxBudget : spent > maxBudget;
    if (used || ask.amount > room) return refuse("budget", 0, 0);
  }
  if (parallel !== undefined && state.running + 1 > parallel) {
    return refuse("max_parallel_requests", parallel, parallel - state.running);
  }
  if (rpm !== undefined && requests + 1 > rpm) return refuse("requests", rpm, rpm - requests);
  if (tpm !== undefined && tokens + ask.tokens > tpm) return refuse("tokens", tpm, tpm - tokens);
  return undefined;
}

/** Ends a hold: what the call really cost takes the place of what was held. */
export function settle(hold: Hold, states: readonly ScopeState[], cost: bigint, tokens: number): void {
  for (const state of states) {
    state.held -= hold.amount;
    state.total += cost;
    state.running--;
    // Tokens of a window that has ended are of no interest any more.
    if (hold.takenAt >= state.windowStart) state.tokens += tokens - hold.tokens;
  }
}
