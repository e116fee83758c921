import { isObject, type JsonObject, parseJson } from "../../json/json.ts";
import { type PriceMap, readPriceMap, UnusablePriceMap } from "../../pricing/price-map.ts";
import { bumpConfigurationVersion } from "../../store/objects/configuration-version.ts";
import { writeSetting } from "../../store/objects/settings.ts";
import { type Actor, change } from "../change.ts";
import { refused } from "../refusals.ts";
import { PRICES_SETTING } from "./stored-prices.ts";

/** LiteLLM's own, unless LITELLM_MODEL_COST_MAP_URL names another. */
export const PRICE_MAP_URL =
  "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";

/** Fetches the price map and keeps it for all processes. What cannot be used changes nothing, and is refused. */
export async function reloadPrices(actor: Actor): Promise<JsonObject> {
  const { management } = actor;
  const url = management.priceMapUrl;
  if (url === undefined) throw refused(400, "LITELLM_LOCAL_MODEL_COST_MAP keeps to the prices of this release");
  const value = parseJson(await fetched(actor, url));
  const map = usable(value, url);
  const at = management.now();
  await change(actor, async ({ connection, now, by, record }) => {
    const kept = { url, map: isObject(value) ? value : {} };
    await writeSetting(connection, { name: PRICES_SETTING, value: kept, at: now, by });
    await bumpConfigurationVersion(connection, now);
    await record("setting", "updated", PRICES_SETTING, null, { url, models: map.entries.size, skipped: map.skipped });
  });
  return {
    message: `Price data reloaded successfully! ${map.entries.size} models updated.`,
    status: "success",
    models_count: map.entries.size,
    skipped: map.skipped,
    timestamp: new Date(at).toISOString(),
  };
}

async function fetched({ management }: Actor, url: string): Promise<string> {
  try {
    const { status, text } = await management.fetchText(url);
    if (status === 200) return text;
    throw refused(502, `The price map at ${url} answered with status ${status}`);
  } catch (error) {
    if (!(error instanceof Error) || "detail" in error) throw error;
    throw refused(502, `The price map at ${url} cannot be read: ${error.message}`);
  }
}

function usable(value: unknown, url: string): PriceMap {
  try {
    return readPriceMap(value);
  } catch (error) {
    if (!(error instanceof UnusablePriceMap)) throw error;
    throw refused(502, `What ${url} gave is no price map: ${error.message}`);
  }
}
