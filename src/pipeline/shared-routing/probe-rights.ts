import type { DeploymentState } from "../../routing/deployment-state.ts";
import type { RedisClient } from "../../store/redis/redis-client.ts";
import { FREE_PROBE, TAKE_PROBE } from "./scripts.ts";

/** A right that nobody prolongs goes to whoever asks next. */
const RIGHT_MS = 2000;
/** It is used no longer than this before its end, so that two processes never have it. */
const MARGIN_MS = 200;

/**
 * Which process may try a half-open deployment. A process asks when a request would have tried it, uses the right for the
 * next one, and prolongs it while that is under way; one that has no request loses it again.
 */
export class ProbeRights {
  readonly #redis: RedisClient;
  readonly #process: string;
  readonly #base: string;
  readonly #held = new Set<string>();
  readonly #asking = new Set<string>();

  constructor(options: { readonly redis: RedisClient; readonly process: string; readonly base: string }) {
    this.#redis = options.redis;
    this.#process = options.process;
    this.#base = options.base;
  }

  /** `exclusive`: others have to be asked. Where they cannot or need not, every process tries for itself. */
  tend(states: Iterable<DeploymentState>, exclusive: boolean, now: number): void {
    for (const state of states) {
      if (state.cooldown === undefined) continue;
      if (!exclusive) {
        state.probeUntil = Number.POSITIVE_INFINITY;
        continue;
      }
      if (state.probeUntil === Number.POSITIVE_INFINITY) state.probeUntil = 0;
      if (state.phase(now) !== "half-open") continue;
      const tries = state.probes > 0 && now < state.probeUntil;
      const wants = state.probeWanted && state.probes === 0 && now >= state.probeUntil;
      state.probeWanted = false;
      if (tries || wants) this.#take(state);
    }
  }

  /** The trial is over. */
  free(id: string): void {
    if (!this.#held.delete(id) || !this.#redis.usable) return;
    // It ends by itself where this does not reach Redis.
    this.#redis.run(FREE_PROBE, [this.#key(id)], [this.#process]).catch(() => undefined);
  }

  async freeAll(): Promise<void> {
    const keys = [...this.#held].map((id) => this.#key(id));
    this.#held.clear();
    await Promise.allSettled(keys.map((key) => this.#redis.run(FREE_PROBE, [key], [this.#process])));
  }

  #key(id: string): string {
    return `${this.#base}:probe:${id}`;
  }

  #take(state: DeploymentState): void {
    const { id } = state;
    if (this.#asking.has(id)) return;
    this.#asking.add(id);
    const asked = Date.now();
    this.#redis
      .run(TAKE_PROBE, [this.#key(id)], [this.#process, RIGHT_MS])
      .then((reply) => {
        if (reply !== 1) return;
        this.#held.add(id);
        state.probeUntil = asked + RIGHT_MS - MARGIN_MS;
      })
      // Without an answer nobody has the right; the next tick sees whether Redis is still there.
      .catch(() => undefined)
      .finally(() => this.#asking.delete(id));
  }
}
