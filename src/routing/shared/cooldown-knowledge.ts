import type { Cooldown } from "../deployment-state.ts";

/**
 * What several processes found out about one deployment's cooldowns. Times are milliseconds since the epoch by a clock
 * that all of them share.
 */
export interface CooldownKnowledge {
  /** Cooldowns that began up to this moment are over: a call showed that the deployment works. */
  readonly recovered: number;
  /** Those that began later, without those that another one outlasts from a later beginning on; the last to end first. */
  readonly cooldowns: readonly Cooldown[];
}

export const NOTHING_KNOWN: CooldownKnowledge = { recovered: 0, cooldowns: [] };

/** More cooldowns of one deployment than this are no news: those that end first are forgotten. */
export const MOST_COOLDOWNS = 8;

/**
 * What two processes know together. The order in which things are heard, and how often, changes nothing: the rule is
 * commutative, associative and idempotent, so that processes that heard the same agree.
 */
export function mergeKnowledge(one: CooldownKnowledge, other: CooldownKnowledge): CooldownKnowledge {
  const recovered = Math.max(one.recovered, other.recovered);
  const open = [...one.cooldowns, ...other.cooldowns].filter(({ since }) => since > recovered);
  // By their end, so that whatever outlasts a cooldown stands before it.
  open.sort((a, b) => b.until - a.until || b.since - a.since || (a.code < b.code ? -1 : a.code > b.code ? 1 : 0));
  const cooldowns: Cooldown[] = [];
  let latest = Number.NEGATIVE_INFINITY;
  for (const cooldown of open) {
    if (cooldown.since <= latest) continue;
    cooldowns.push(cooldown);
    latest = cooldown.since;
    if (cooldowns.length === MOST_COOLDOWNS) break;
  }
  return { recovered, cooldowns };
}

/** The cooldown in force, or the one whose end is not proven yet; undefined for a deployment that works. */
export function cooldownOf(knowledge: CooldownKnowledge): Cooldown | undefined {
  return knowledge.cooldowns[0];
}

/** The knowledge that one cooldown is. */
export function knownCooldown(cooldown: Cooldown): CooldownKnowledge {
  return { recovered: 0, cooldowns: [cooldown] };
}

/** What a success after the known cooldowns adds: all of them are over. */
export function knownRecovery(knowledge: CooldownKnowledge): CooldownKnowledge {
  return { recovered: cooldownOf(knowledge)?.until ?? knowledge.recovered, cooldowns: [] };
}

export function sameKnowledge(one: CooldownKnowledge, other: CooldownKnowledge): boolean {
  return (
    one.recovered === other.recovered &&
    one.cooldowns.length === other.cooldowns.length &&
    one.cooldowns.every((cooldown, index) => {
      const { since, until, code } = other.cooldowns[index] as Cooldown;
      return cooldown.since === since && cooldown.until === until && cooldown.code === code;
    })
  );
}
