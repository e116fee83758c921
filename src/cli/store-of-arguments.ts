import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { compileSnapshot } from "../config/compile.ts";
import { loadConfig } from "../config/load.ts";
import { secretEnvironment } from "../config/secrets/secret-environment.ts";
import { Log } from "../events/log.ts";
import { httpCarrier } from "../http-client/http-client.ts";
import type { Database } from "../store/database.ts";
import { Transport, toResponse } from "../upstream/transport.ts";
import { openStore } from "./open-store.ts";

export interface StoreArguments {
  readonly config?: string | undefined;
  readonly "data-dir"?: string | undefined;
}

/** The flags by which a command finds the database that `serve` uses. */
export const STORE_FLAGS = { config: { type: "string", short: "c" }, "data-dir": { type: "string" } } as const;

/** The database that `isthmus serve` would use with these arguments, its schema up to date. */
export async function storeOfArguments(
  values: StoreArguments,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<{ database: Database; applied: readonly string[]; dataDir: string }> {
  const log = new Log({ level: "warning", write: (text) => void process.stderr.write(text) });
  const config = values.config ?? (environment.CONFIG_FILE_PATH || undefined);
  const dataDir = resolve(values["data-dir"] ?? (environment.ISTHMUS_DATA_DIR || ".isthmus"));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  let general = {};
  if (config !== undefined) {
    const document = loadConfig(config);
    const transport = new Transport(httpCarrier(environment));
    const secrets = await secretEnvironment(document, environment, {
      send: async (request) => toResponse(await transport.open(request).response),
    });
    general = compileSnapshot(document, { environment: secrets.environment }).general.raw;
  }
  return { ...(await openStore({ environment, config: general, dataDir, log })), dataDir };
}
