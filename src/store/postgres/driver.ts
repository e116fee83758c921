import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryCompiler,
  type QueryResult,
  RawNode,
  type TransactionSettings,
} from "kysely";
import type { Pool, PoolClient } from "pg";
import { readableRow } from "../readable-row.ts";
import type { Breaker } from "./breaker.ts";
import { DatabaseUnavailable, isAway, keepsConnection } from "./errors.ts";

/** Runs Kysely's queries on pooled connections; one whose state is not known after an error is never used again. */
export class PostgresDriver implements Driver {
  readonly #pool: Pool;
  readonly #breaker: Breaker;

  constructor(pool: Pool, breaker: Breaker) {
    this.#pool = pool;
    this.#breaker = breaker;
  }

  async init(): Promise<void> {
    // Connections are made when they are needed.
  }

  async acquireConnection(): Promise<PostgresConnection> {
    if (this.#breaker.open) throw new DatabaseUnavailable();
    try {
      return new PostgresConnection(await this.#pool.connect(), this.#breaker);
    } catch (error) {
      this.#breaker.failed();
      throw error;
    }
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const { isolationLevel, accessMode } = settings;
    let command = "BEGIN";
    if (isolationLevel !== undefined) command += ` ISOLATION LEVEL ${isolationLevel.toUpperCase()}`;
    if (accessMode !== undefined) command += ` ${accessMode.toUpperCase()}`;
    await connection.executeQuery(CompiledQuery.raw(command));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("COMMIT"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    // Where the connection is lost the server rolls back by itself.
    if (!(connection as PostgresConnection).lost) await connection.executeQuery(CompiledQuery.raw("ROLLBACK"));
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

  async releaseConnection(connection: PostgresConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }
}

function savepointCommand(command: string, name: string, compile: QueryCompiler["compileQuery"]): CompiledQuery {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  return compile(RawNode.createWithSql(`${command} ${quoted}`), { queryId: name });
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #breaker: Breaker;
  lost = false;

  constructor(client: PoolClient, breaker: Breaker) {
    this.#client = client;
    this.#breaker = breaker;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const result = await this.#client.query<Record<string, unknown>>(query.sql, [...query.parameters]);
      this.#breaker.succeeded();
      const rows = result.rows.map(readableRow) as R[];
      const counts = result.command === "INSERT" || result.command === "UPDATE" || result.command === "DELETE";
      return counts ? { rows, numAffectedRows: BigInt(result.rowCount ?? 0) } : { rows };
    } catch (error) {
      if (!keepsConnection(error)) this.lost = true;
      if (isAway(error)) this.#breaker.failed();
      throw error;
    }
  }

  // biome-ignore lint/correctness/useYield: it only says that there is no such thing.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("rows of PostgreSQL are read in pages, not streamed");
  }

  release(): void {
    this.#client.release(this.lost);
  }
}
