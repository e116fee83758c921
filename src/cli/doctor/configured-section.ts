import { compileSnapshot } from "../../config/compile.ts";
import { ConfigError } from "../../config/diagnostics.ts";
import { loadConfig } from "../../config/load.ts";
import type { JsonObject } from "../../json/json.ts";
import type { Examination } from "./finding.ts";

/** A section of the configuration with its references resolved; empty where there is none or it cannot be read. */
export function configuredSection(
  { config, environment }: Examination,
  section: "general_settings" | "router_settings",
): JsonObject {
  if (config === undefined) return {};
  try {
    const snapshot = compileSnapshot(loadConfig(config), { environment });
    return section === "general_settings" ? snapshot.general.raw : snapshot.router.raw;
  } catch (error) {
    if (error instanceof ConfigError) return {}; // told by the look at the configuration
    throw error;
  }
}
