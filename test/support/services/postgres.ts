import { Client } from "pg";
import {
  type PostgresServer,
  type ServerOptions,
  startPostgres,
  startPostgresServer,
} from "../../../scripts/services/postgres.ts";
import { type Service, ServiceUnavailable } from "../../../scripts/services/service.ts";

/** A database for one test file, empty. */
export interface TestPostgres {
  readonly url: string;
  /** Runs one statement in it, as a stranger would. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

let alone: Promise<Service> | undefined;

/**
 * A new database on the server of this run of the tests: the one that `npm test` started or the developer named, else
 * one that this process starts and ends. Undefined, with a line that says why, where there is none; then tests skip
 * themselves: `describe.skipIf(postgres === undefined)`. What stops or fills the server takes `ownPostgres`.
 */
export async function testPostgres(name: string): Promise<TestPostgres | undefined> {
  let server = process.env.TEST_POSTGRES_URL;
  if (server === undefined) {
    try {
      alone ??= startPostgres().then((service) => {
        process.once("exit", () => void service.stop());
        return service;
      });
      server = (await alone).env.TEST_POSTGRES_URL as string;
    } catch (error) {
      if (!(error instanceof ServiceUnavailable)) throw error;
      console.log(`no postgres, so tests that need it are skipped: ${error.message}`);
      return undefined;
    }
  }
  return createDatabase(server, name);
}

/** A server that one test has for itself, to be frozen, killed and started again; undefined where there is none. */
export async function ownPostgres(options?: ServerOptions): Promise<PostgresServer | undefined> {
  try {
    return await startPostgresServer(options);
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    console.log(`no postgres, so tests that need it are skipped: ${error.message}`);
    return undefined;
  }
}

/** A new database on the server at this address. */
export async function createDatabase(server: string, name: string): Promise<TestPostgres> {
  const database = `test_${name.replaceAll(/\W/g, "_")}_${crypto.randomUUID().slice(0, 8)}`;
  await run(server, `CREATE DATABASE ${database}`);
  const url = new URL(server);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    query: (text, values) => run(url.href, text, values),
    async drop() {
      await run(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

async function run<Row>(url: string, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text, [...values])).rows as Row[];
  } finally {
    await client.end();
  }
}
