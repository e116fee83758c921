import { sql } from "kysely";
import type { Database } from "../../../src/store/database.ts";
import { type OpenedStore, storesUnderTest } from "../../store/databases.ts";
import { type RunningGateway, startGateway } from "../../support/gateway.ts";
import type { Answer } from "../../support/management-client.ts";

export interface GatewayOnStore {
  readonly name: string;
  start(): Promise<{ readonly gateway: RunningGateway; readonly database: Database }>;
  stop(): Promise<void>;
}

/** A gateway on SQLite, and one on PostgreSQL where there is one, with a second view of its database. */
export async function stores(name: string, config?: string): Promise<readonly GatewayOnStore[]> {
  const available = (await storesUnderTest(name)).filter((store) => store.available);
  return available.map((store): GatewayOnStore => {
    let opened: OpenedStore | undefined;
    let gateway: RunningGateway | undefined;
    return {
      name: store.name,
      async start() {
        opened = await store.open();
        const { location } = opened;
        gateway = await startGateway({
          ...(config === undefined ? {} : { config }),
          ...("dataDir" in location && location.dataDir !== undefined ? { dataDir: location.dataDir } : {}),
          env: {
            LITELLM_LOCAL_MODEL_COST_MAP: "True",
            STORE_MODEL_IN_DB: "True",
            ...("url" in location && location.url !== undefined ? { DATABASE_URL: location.url } : {}),
          },
        });
        return { gateway, database: opened.database };
      },
      async stop() {
        await gateway?.stop();
        await opened?.remove();
      },
    };
  });
}

const TABLES = [
  ...["budget", "virtual_key", "deprecated_key", "gateway_user", "team", "team_member", "organization", "project"],
  ...["organization_member", "customer", "tag", "access_group", "model_access_group_budget", "stored_model"],
  ...["credential", "invitation", "setting", "archived_object", "audit_log"],
];

/** A digest of everything that the management API keeps. */
export async function digestOf(database: Database): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const table of TABLES) {
    const { rows } = await sql<Record<string, unknown>>`SELECT * FROM ${sql.table(table)}`.execute(database.kysely);
    hash.update(
      rows
        .map((row) => JSON.stringify(Object.entries(row).map(([name, value]) => [name, String(value)])))
        .toSorted()
        .join("\n"),
    );
  }
  return hash.digest("hex");
}

/** Whether an answer is an error in one of the two forms that LiteLLM has for it. */
export function isRefusal({ status, body }: Answer): boolean {
  if (status < 400 || status > 499) return false;
  const { detail, error } = body;
  if (error !== undefined) {
    return (
      typeof error.message === "string" &&
      typeof error.type === "string" &&
      error.code === String(status) &&
      "param" in error
    );
  }
  if (status === 422 && Array.isArray(detail)) {
    return detail.every(
      ({ type, loc, msg }) => typeof type === "string" && Array.isArray(loc) && typeof msg === "string",
    );
  }
  return typeof detail === "string" || typeof detail?.error === "string";
}
