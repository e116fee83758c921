import type { DeploymentState } from "../../routing/deployment-state.ts";
import type { Router } from "../../routing/router.ts";
import { assumedUse, MinuteTally, type MinuteUse, NO_USE, sameUse } from "../../routing/shared/minute-tally.ts";
import type { Channel } from "./channel.ts";
import { decodeUse, encodeUse, type UseWord } from "./messages.ts";

const MINUTE_MS = 60_000;

export interface SharedUseOptions {
  readonly channel: Channel;
  readonly router: Router;
  readonly serves: (id: string) => boolean;
}

/** What each deployment does in the present minute, by all processes. */
export class SharedUse {
  readonly #options: SharedUseOptions;
  readonly #tally = new MinuteTally();
  /** What was told of this minute last, by deployment. */
  readonly #told = new Map<string, MinuteUse>();
  #minute = -1;
  #number = 0;

  constructor(options: SharedUseOptions) {
    this.#options = options;
  }

  /** Where processes keep their words of a minute for those that come later. */
  key(minute: number): string {
    return `${this.#options.channel.base}:use:${minute}`;
  }

  /** All that was told of a minute, or "" where nothing was. */
  words(minute: number): string {
    if (this.#minute !== minute || this.#told.size === 0) return "";
    return encodeUse({ minute, number: this.#number, use: this.#told });
  }

  /** Tells what changed since the last word. */
  tell(now: number): void {
    const { channel, router } = this.#options;
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#told.clear();
    }
    const use = new Map<string, MinuteUse>();
    for (const state of router.states()) {
      const own = state.minute.own(now);
      if (sameUse(own, this.#told.get(state.id) ?? NO_USE)) continue;
      this.#told.set(state.id, own);
      use.set(state.id, own);
    }
    if (use.size > 0) channel.publish({ kind: "use", word: { minute, number: ++this.#number, use } });
  }

  hear(process: string, { minute, number, use }: UseWord): void {
    const { channel, router, serves } = this.#options;
    if (process === channel.process) return;
    for (const [id, told] of use) {
      if (!serves(id)) continue;
      this.#tally.hear(minute, process, id, { ...told, number });
      router.state(id).minute.others(minute, this.#tally.of(minute, id), router.now());
    }
  }

  /** What Redis has; what was assumed while nobody could be heard gives way to what was told. */
  read(found: Iterable<readonly [string, string]>): void {
    for (const [process, text] of found) {
      const word = decodeUse(text);
      if (word !== undefined) this.hear(process, word);
    }
    this.#each((_, told) => told);
  }

  /** Nobody can be heard: each of the others is taken for as busy as this process. */
  assume(processes: number): void {
    this.#each((state, told, now) => assumedUse(state.minute.own(now), told, processes));
  }

  #each(others: (state: DeploymentState, told: MinuteUse, now: number) => MinuteUse): void {
    const { router } = this.#options;
    const now = router.now();
    const minute = Math.floor(now / MINUTE_MS);
    for (const state of router.states()) {
      state.minute.others(minute, others(state, this.#tally.of(minute, state.id), now), now);
    }
  }
}
