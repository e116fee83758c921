import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kysely } from "kysely";
import type { Schema } from "./schema.ts";
import { SqliteDialect } from "./sqlite/dialect.ts";

/** Name of the embedded database inside the data directory. */
const FILE_NAME = "isthmus.db";

export interface Database {
  readonly dialect: "sqlite";
  /** The database's file. */
  readonly path: string;
  readonly kysely: Kysely<Schema>;
  close(): Promise<void>;
}

/** Where the database is: inside a data directory, or at an address (`file:///data/isthmus.db`). */
export type DatabaseLocation = { readonly dataDir: string } | { readonly url: string };

/**
 * Opens the database and creates its directory where that is missing; the schema is `migrate`'s work.
 * Throws when the address names a database that is not supported, or when the directory cannot be made.
 *
 * @example
 * const database = openDatabase({ dataDir: "/data" });
 * await migrate(database);
 */
export function openDatabase(location: DatabaseLocation): Database {
  const path = "dataDir" in location ? fileIn(location.dataDir) : fileAt(location.url);
  const kysely = new Kysely<Schema>({ dialect: new SqliteDialect(path) });
  return { dialect: "sqlite", path, kysely, close: () => kysely.destroy() };
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
    `a database address must begin with "file:", not ${scheme === undefined ? "as given" : `"${scheme}:"`}`,
  );
}
