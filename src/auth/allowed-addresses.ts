import { type Network, parseNetwork } from "../config/ip-networks.ts";
import type { Log } from "../events/log.ts";
import type { Database } from "../store/database.ts";
import { readSetting } from "../store/objects/settings.ts";

/** The setting that holds what `/add/allowed_ip` added. */
export const ALLOWED_IPS_SETTING = "allowed_ips";

/** The addresses that were allowed through the API, beside those of the configuration; kept in memory. */
export class AllowedAddresses {
  readonly #database: Database;
  readonly #log: Log;
  #networks: readonly Network[] = [];

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  get networks(): readonly Network[] {
    return this.#networks;
  }

  async refresh(): Promise<void> {
    try {
      const stored = await readSetting(this.#database.kysely, ALLOWED_IPS_SETTING);
      this.#networks = (Array.isArray(stored) ? stored : []).flatMap((text) => parseNetwork(String(text)) ?? []);
    } catch (error) {
      this.#log.warning("allowed addresses cannot be read; those that were known stay", { reason: String(error) });
    }
  }
}
