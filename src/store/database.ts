import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kysely } from "kysely";
import { Breaker } from "./postgres/breaker.ts";
import { PostgresDialect } from "./postgres/dialect.ts";
import { openPool } from "./postgres/pool.ts";
import {
  isPostgresAddress,
  nameOf,
  type PostgresSettings,
  type PostgresTuning,
  postgresSettings,
} from "./postgres/settings.ts";
import type { Schema } from "./schema.ts";
import { SqliteDialect } from "./sqlite/dialect.ts";

/** Name of the embedded database inside the data directory. */
const FILE_NAME = "isthmus.db";

interface Queries {
  readonly kysely: Kysely<Schema>;
  /** Whether the last queries failed because the database was away. */
  readonly away: boolean;
  /** Where the data is, in words for a person; without password. */
  readonly place: string;
  close(): Promise<void>;
}

export interface SqliteDatabase extends Queries {
  readonly dialect: "sqlite";
  /** The database's file. */
  readonly path: string;
}

export interface PostgresDatabase extends Queries {
  readonly dialect: "postgres";
  readonly settings: PostgresSettings;
}

/** One set of queries over either; what differs asks for the `dialect`. */
export type Database = SqliteDatabase | PostgresDatabase;

/**
 * Where the database is: inside a data directory, or at an address (`file:///data/isthmus.db`,
 * `postgres://user:password@host:5432/database`).
 */
export type DatabaseLocation =
  | { readonly dataDir: string }
  | { readonly url: string; readonly tuning?: PostgresTuning };

/**
 * Opens the database and creates its directory where that is missing; the schema is `migrate`'s work. PostgreSQL is not
 * contacted before the first query. Throws when the address cannot be understood or names a database that is not
 * supported, or when the directory cannot be made.
 *
 * @example
 * const database = openDatabase({ dataDir: "/data" });
 * await migrate(database);
 */
export function openDatabase(location: DatabaseLocation): Database {
  if ("dataDir" in location) return openFile(fileIn(location.dataDir));
  if (isPostgresAddress(location.url)) return openServer(postgresSettings(location.url, location.tuning));
  return openFile(fileAt(location.url));
}

function openFile(path: string): SqliteDatabase {
  const kysely = new Kysely<Schema>({ dialect: new SqliteDialect(path) });
  return { dialect: "sqlite", path, place: path, kysely, away: false, close: () => kysely.destroy() };
}

/** PostgreSQL with settings that were read from an address. */
export function openServer(settings: PostgresSettings): PostgresDatabase {
  const breaker = new Breaker();
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect(openPool(settings), breaker) });
  return {
    dialect: "postgres",
    settings,
    place: nameOf(settings),
    kysely,
    get away() {
      return breaker.failing;
    },
    close: () => kysely.destroy(),
  };
}

function fileIn(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true });
  return join(dataDir, FILE_NAME);
}

function fileAt(url: string): string {
  if (url.startsWith("file:")) return fileURLToPath(url);
  // The rest of the address may hold a password.
  const scheme = /^[a-z][a-z0-9+.-]*(?=:)/i.exec(url)?.[0];
  throw new Error(
    `a database address begins with "postgres:" or "file:", not ${scheme === undefined ? "as given" : `with "${scheme}:"`}`,
  );
}
