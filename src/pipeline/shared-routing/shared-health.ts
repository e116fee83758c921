import type { CheckedDeployment, HealthChecks } from "../health-checks.ts";
import { type Channel, STALE_MS } from "./channel.ts";
import { decodeHealth, encodeHealth } from "./messages.ts";

export interface SharedHealthOptions {
  readonly channel: Channel;
  readonly checks: Pick<HealthChecks, "learn">;
  readonly serves: (id: string) => boolean;
}

/** What the checks of all processes found; of two results the later one counts. */
export class SharedHealth {
  readonly key: string;
  readonly #options: SharedHealthOptions;
  /** Times are by the clock of all. */
  readonly #known = new Map<string, CheckedDeployment>();

  constructor(options: SharedHealthOptions) {
    this.#options = options;
    this.key = `${options.channel.base}:health`;
  }

  /** This process checked, by its own clock. */
  checked(own: CheckedDeployment): void {
    const { channel } = this.#options;
    const checked = { ...own, at: own.at + channel.ahead };
    this.#known.set(own.deploymentId, checked);
    channel.publish({ kind: "health", checked });
    channel.keep(this.key, own.deploymentId, encodeHealth(checked));
  }

  hear(checked: CheckedDeployment): void {
    const { channel, checks, serves } = this.#options;
    const { deploymentId: id } = checked;
    if (!serves(id) || (this.#known.get(id)?.at ?? 0) >= checked.at) return;
    this.#known.set(id, checked);
    checks.learn({ ...checked, at: checked.at - channel.ahead });
  }

  /** What Redis has, at a time by the clock of all; what it lacks is told again. */
  read(found: Iterable<readonly [string, string]>, time: number): void {
    const { channel, serves } = this.#options;
    const kept = new Map<string, number>();
    for (const [id, text] of found) {
      const checked = decodeHealth(text);
      if (checked === undefined || checked.at < time - STALE_MS) {
        channel.drop(this.key, id);
        continue;
      }
      kept.set(id, checked.at);
      this.hear(checked);
    }
    for (const [id, checked] of this.#known) {
      if (checked.at < time - STALE_MS || !serves(id)) this.#known.delete(id);
      else if ((kept.get(id) ?? 0) < checked.at) channel.keep(this.key, id, encodeHealth(checked));
    }
  }
}
