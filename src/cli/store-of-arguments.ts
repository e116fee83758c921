import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { compileSnapshot, defaultDocument } from "../config/compile.ts";
import { type LoadedDocument, loadConfig } from "../config/load.ts";
import { secretEnvironment } from "../config/secrets/secret-environment.ts";
import { Log } from "../events/log.ts";
import { httpCarrier } from "../http-client/http-client.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { Database } from "../store/database.ts";
import { Transport, toResponse } from "../upstream/transport.ts";
import { openStore } from "./open-store.ts";

export interface StoreArguments {
  readonly config?: string | undefined;
  readonly "data-dir"?: string | undefined;
}

/** The flags by which a command finds the database that `serve` uses. */
export const STORE_FLAGS = { config: { type: "string", short: "c" }, "data-dir": { type: "string" } } as const;

/** What a command works on: the database, and the configuration that names it. */
export interface OpenedStore {
  readonly database: Database;
  /** Steps of the schema that were applied. */
  readonly applied: readonly string[];
  readonly dataDir: string;
  readonly document: LoadedDocument;
  readonly snapshot: Snapshot;
  /** The environment, with what secret managers and `environment_variables` add. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The database that `isthmus serve` would use with these arguments, its schema up to date. */
export async function storeOfArguments(
  values: StoreArguments,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<OpenedStore> {
  const log = new Log({ level: "warning", write: (text) => void process.stderr.write(text) });
  const config = values.config ?? (environment.CONFIG_FILE_PATH || undefined);
  const dataDir = resolve(values["data-dir"] ?? (environment.ISTHMUS_DATA_DIR || ".isthmus"));
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const configuration = config === undefined ? undefined : await configurationOf(config, environment);
  const document = configuration?.document ?? defaultDocument(environment);
  const known = configuration?.environment ?? environment;
  const snapshot = compileSnapshot(document, { environment: known });
  const opened = await openStore({ environment, config: snapshot.general.raw, dataDir, log });
  return { ...opened, dataDir, document, snapshot, environment: known };
}

async function configurationOf(config: string, environment: Readonly<Record<string, string | undefined>>) {
  const document = loadConfig(config);
  const transport = new Transport(httpCarrier(environment));
  const secrets = await secretEnvironment(document, environment, {
    send: async (request) => toResponse(await transport.open(request).response),
  });
  return { document, environment: secrets.environment };
}
