import { asArray, asNumber, asObject, asString, type JsonObject } from "../../json/json.ts";
import type { QualityModel, QualityRouter, Tier } from "../../snapshot/auto-router.ts";
import { TIERS } from "../../snapshot/auto-router.ts";
import type { Deployment } from "../../snapshot/snapshot.ts";

const QUALITY: Readonly<Record<Tier, number>> = { SIMPLE: 1, MEDIUM: 2, COMPLEX: 3, REASONING: 4 };

/** The quality that each complexity asks for. */
export function qualityOfTiers(config: JsonObject): QualityRouter["qualityOf"] {
  const own = asObject(config.complexity_to_quality);
  return new Map(
    TIERS.flatMap((tier): [Tier, number][] => {
      const quality = own === undefined ? QUALITY[tier] : asNumber(own[tier]);
      return quality === undefined ? [] : [[tier, quality]];
    }),
  );
}

interface Ranked extends QualityModel {
  readonly order: number;
  readonly price: number;
}

/** `available_models` with what their deployments prefer; a text says what is missing. */
export function qualityModels(
  config: JsonObject,
  groups: ReadonlyMap<string, readonly Deployment[]>,
): readonly QualityModel[] | string {
  const found: Ranked[] = [];
  for (const name of asArray(config.available_models)) {
    if (typeof name !== "string") continue;
    const infos = (groups.get(name) ?? []).map(({ info }) => info);
    const info = infos.findLast((one) => asObject(one.litellm_routing_preferences) !== undefined);
    const preferences = asObject(info?.litellm_routing_preferences);
    const tier = asNumber(preferences?.quality_tier);
    if (tier === undefined) {
      return infos.length === 0
        ? `available_models names ${name}, which is no model of model_list.`
        : `${name} has no model_info.litellm_routing_preferences with a quality_tier.`;
    }
    found.push({
      name,
      tier,
      keywords: asArray(preferences?.keywords).flatMap((word) => (asString(word) ?? "").toLowerCase() || []),
      order: asNumber(preferences?.order) ?? Number.POSITIVE_INFINITY,
      price: asNumber(info?.input_cost_per_token) ?? Number.POSITIVE_INFINITY,
    });
  }
  return found
    .toSorted(
      (a, b) => b.tier - a.tier || compare(a.order, b.order) || compare(a.price, b.price) || (a.name < b.name ? -1 : 1),
    )
    .map(({ name, tier, keywords }) => ({ name, tier, keywords }));
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
