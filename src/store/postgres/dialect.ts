import {
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryCompiler,
} from "kysely";
import type { Pool } from "pg";
import type { Breaker } from "./breaker.ts";
import { PostgresDriver } from "./driver.ts";

/**
 * Kysely over PostgreSQL. It differs from Kysely's own dialect in what integers are read as (see `readableRow`) and in
 * that it drops connections whose queries were not answered.
 *
 * @example
 * const db = new Kysely<Schema>({ dialect: new PostgresDialect(openPool(settings), new Breaker()) });
 */
export class PostgresDialect implements Dialect {
  readonly #pool: Pool;
  readonly #breaker: Breaker;

  constructor(pool: Pool, breaker: Breaker) {
    this.#pool = pool;
    this.#breaker = breaker;
  }

  createDriver(): Driver {
    return new PostgresDriver(this.#pool, this.#breaker);
  }

  createQueryCompiler(): QueryCompiler {
    return new PostgresQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new PostgresAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new PostgresIntrospector(db);
  }
}
