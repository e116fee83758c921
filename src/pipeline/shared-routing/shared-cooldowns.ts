import type { Log } from "../../events/log.ts";
import type { Cooldown } from "../../routing/deployment-state.ts";
import type { Router } from "../../routing/router.ts";
import {
  type CooldownKnowledge,
  cooldownOf,
  knownCooldown,
  knownRecovery,
  mergeKnowledge,
  NOTHING_KNOWN,
  sameKnowledge,
} from "../../routing/shared/cooldown-knowledge.ts";
import { type Channel, STALE_MS } from "./channel.ts";
import { decodeKnowledge, encodeKnowledge } from "./messages.ts";

export interface SharedCooldownsOptions {
  readonly channel: Channel;
  readonly router: Router;
  readonly log: Log;
  /** Others may have deployments that this process's configuration does not have. */
  readonly serves: (id: string) => boolean;
}

/** The cooldowns of all processes, and the end of them. */
export class SharedCooldowns {
  readonly key: string;
  readonly #options: SharedCooldownsOptions;
  readonly #known = new Map<string, CooldownKnowledge>();

  constructor(options: SharedCooldownsOptions) {
    this.#options = options;
    this.key = `${options.channel.base}:cooldowns`;
  }

  /** This process cooled a deployment down, by its own clock. */
  cooledDown(id: string, { since, until, code }: Cooldown): void {
    const { ahead } = this.#options.channel;
    this.#found(id, knownCooldown({ since: since + ahead, until: until + ahead, code }));
  }

  /** A call of this process showed that the deployment works again. */
  recovered(id: string): void {
    this.#found(id, knownRecovery(this.#of(id)));
  }

  hear(id: string, news: CooldownKnowledge): void {
    const { router, log, channel, serves } = this.#options;
    if (!serves(id)) return;
    const before = this.#of(id);
    const knowledge = mergeKnowledge(before, news);
    if (sameKnowledge(knowledge, before)) return;
    this.#known.set(id, knowledge);
    const shared = cooldownOf(knowledge);
    if (shared === undefined) {
      if (router.state(id).cooldown !== undefined)
        log.info("another process found a deployment well", { deployment: id });
      router.learned(id, undefined);
      return;
    }
    const { code } = shared;
    const cooldown = { since: shared.since - channel.ahead, until: shared.until - channel.ahead, code };
    router.learned(id, cooldown);
    const seconds = (cooldown.until - cooldown.since) / 1000;
    log.info("another process cools a deployment down", { deployment: id, seconds, code });
  }

  /** What Redis has, at a time by the clock of all; what it lacks is told again. */
  read(found: Iterable<readonly [string, string]>, time: number): void {
    const { channel, serves } = this.#options;
    const kept = new Map(found);
    for (const [id, text] of kept) {
      const knowledge = decodeKnowledge(text);
      if (knowledge === undefined || newest(knowledge) < time - STALE_MS) channel.drop(this.key, id);
      else this.hear(id, knowledge);
    }
    for (const [id, knowledge] of this.#known) {
      // Redis was away, or lost what it had, or two processes wrote at the same time.
      if (newest(knowledge) < time - STALE_MS || !serves(id)) this.#known.delete(id);
      else if (kept.get(id) !== encodeKnowledge(knowledge)) this.#tell(id, knowledge);
    }
  }

  #of(id: string): CooldownKnowledge {
    return this.#known.get(id) ?? NOTHING_KNOWN;
  }

  #found(id: string, news: CooldownKnowledge): void {
    const knowledge = mergeKnowledge(this.#of(id), news);
    this.#known.set(id, knowledge);
    this.#tell(id, knowledge);
  }

  #tell(id: string, knowledge: CooldownKnowledge): void {
    const { channel } = this.#options;
    channel.publish({ kind: "cooldown", deployment: id, knowledge });
    channel.keep(this.key, id, encodeKnowledge(knowledge));
  }
}

/** The last moment of which the knowledge speaks. */
function newest({ recovered, cooldowns }: CooldownKnowledge): number {
  return Math.max(recovered, cooldowns[0]?.until ?? 0);
}
