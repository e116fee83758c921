import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryCompiler,
  type QueryResult,
  RawNode,
  type TransactionSettings,
} from "kysely";
import { readableRow } from "../readable-row.ts";
import { openSqlite } from "./connection.ts";

/** Prepared statements kept per connection; what Kysely generates is a small closed set but for IN lists. */
const STATEMENT_LIMIT = 256;

/** How long a query may wait for another process's write, in milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Runs Kysely's queries on one connection, one user at a time. Transactions begin as writers (`BEGIN IMMEDIATE`), so
 * that none fails half way for want of the write lock; ask for `read only` where nothing is written.
 */
export class SqliteDriver implements Driver {
  readonly #path: string;
  readonly #mutex = new Mutex();
  #connection: SqliteConnection | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async init(): Promise<void> {
    this.#connection = new SqliteConnection(openSqlite(this.#path, { busyTimeoutMs: BUSY_TIMEOUT_MS }));
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    await this.#mutex.lock();
    if (this.#connection === undefined) throw new Error("the database is closed");
    return this.#connection;
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await connection.executeQuery(
      CompiledQuery.raw(settings.accessMode === "read only" ? "BEGIN DEFERRED" : "BEGIN IMMEDIATE"),
    );
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("COMMIT"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("ROLLBACK"));
  }

  async savepoint(connection: DatabaseConnection, name: string, compile: QueryCompiler["compileQuery"]): Promise<void> {
    await connection.executeQuery(savepointCommand("SAVEPOINT", name, compile));
  }

  async rollbackToSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler["compileQuery"],
  ): Promise<void> {
    await connection.executeQuery(savepointCommand("ROLLBACK TO", name, compile));
  }

  async releaseSavepoint(
    connection: DatabaseConnection,
    name: string,
    compile: QueryCompiler["compileQuery"],
  ): Promise<void> {
    await connection.executeQuery(savepointCommand("RELEASE", name, compile));
  }

  async releaseConnection(): Promise<void> {
    this.#mutex.unlock();
  }

  async destroy(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
  }
}

function savepointCommand(command: string, name: string, compile: QueryCompiler["compileQuery"]): CompiledQuery {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  return compile(RawNode.createWithSql(`${command} ${quoted}`), { queryId: name });
}

class SqliteConnection implements DatabaseConnection {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement<Record<string, unknown>>>();

  constructor(database: Database) {
    this.#database = database;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const statement = this.#prepare(query.sql);
    const parameters = query.parameters as SQLQueryBindings[];
    if (statement.columnNames.length > 0) {
      return { rows: statement.all(...parameters).map(readableRow) as R[] };
    }
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    // A statement of its own: the cached one would be reset by the next query with the same text.
    const statement = this.#database.prepare<Record<string, unknown>, SQLQueryBindings[]>(query.sql);
    try {
      for (const row of statement.iterate(...(query.parameters as SQLQueryBindings[]))) {
        yield { rows: [readableRow(row) as R] };
      }
    } finally {
      statement.finalize();
    }
  }

  close(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): Statement<Record<string, unknown>> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare<Record<string, unknown>, SQLQueryBindings[]>(sql);
    } else {
      this.#statements.delete(sql);
    }
    this.#statements.set(sql, statement);
    if (this.#statements.size > STATEMENT_LIMIT) {
      for (const [oldest, stale] of this.#statements) {
        stale.finalize();
        this.#statements.delete(oldest);
        break;
      }
    }
    return statement;
  }
}

/** First come, first served. */
class Mutex {
  #locked = false;
  readonly #waiting: (() => void)[] = [];

  lock(): Promise<void> | undefined {
    if (!this.#locked) {
      this.#locked = true;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  unlock(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#locked = false;
    else next();
  }
}
