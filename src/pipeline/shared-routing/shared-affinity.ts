import type { Binding } from "../../routing/affinity.ts";
import type { Router } from "../../routing/router.ts";
import type { Channel } from "./channel.ts";

/** Bindings that wait for the next telling; older ones are told with their next use. */
const MOST_WAITING = 2000;

export interface SharedAffinityOptions {
  readonly channel: Channel;
  readonly router: Router;
  readonly serves: (id: string) => boolean;
}

/** Which deployment serves a session, a caller or a header's value, for all processes. */
export class SharedAffinity {
  readonly #options: SharedAffinityOptions;
  readonly #waiting = new Map<string, Binding>();

  constructor(options: SharedAffinityOptions) {
    this.#options = options;
  }

  bound(binding: Binding): void {
    if (this.#waiting.size < MOST_WAITING) this.#waiting.set(binding.key, binding);
  }

  tell(): void {
    if (this.#waiting.size === 0) return;
    const { channel } = this.#options;
    const bindings = [...this.#waiting.values()].map((one) => ({ ...one, until: one.until + channel.ahead }));
    this.#waiting.clear();
    channel.publish({ kind: "affinity", bindings });
  }

  hear(bindings: readonly Binding[]): void {
    const { channel, router, serves } = this.#options;
    const now = router.now();
    for (const { key, deployment, until } of bindings) {
      if (serves(deployment)) router.affinity.hear({ key, deployment, until: until - channel.ahead }, now);
    }
  }
}
