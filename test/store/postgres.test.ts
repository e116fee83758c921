import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { sql } from "kysely";
import { openDatabase } from "../../src/store/database.ts";
import { databaseLocation } from "../../src/store/database-location.ts";
import { Breaker } from "../../src/store/postgres/breaker.ts";
import { nameOf, postgresSettings } from "../../src/store/postgres/settings.ts";
import { freePort, ROOT } from "../support/gateway.ts";
import { testPostgres } from "../support/services/postgres.ts";

const postgres = await testPostgres("driver");
afterAll(() => postgres?.drop());

describe("an address of PostgreSQL", () => {
  test("says who, where and how", () => {
    const settings = postgresSettings(
      "postgresql://us%40er:p%23w@db.example:6432/name?schema=s&connection_limit=3&sslmode=verify-full",
    );
    expect(settings).toMatchObject({
      host: "db.example",
      port: 6432,
      user: "us@er",
      password: "p#w",
      database: "name",
      schema: "s",
      poolSize: 3,
      ssl: { mode: "verify-full" },
    });
    expect(nameOf(settings)).toBe("db.example:6432/name");
    expect(postgresSettings("postgres://[::1]/x")).toMatchObject({ host: "::1", port: 5432, poolSize: 10 });
    expect(postgresSettings("postgres:///x?host=/run/postgresql")).toMatchObject({ host: "/run/postgresql" });
  });

  test("has the parameters of libpq, of Prisma and of LiteLLM's configuration, which win", () => {
    const ca = join(ROOT, "test/fixtures/certificates/good.crt");
    const key = join(ROOT, "test/fixtures/certificates/good.key");
    const of = (query: string, tuning = {}) => postgresSettings(`postgres://u@h/x?${query}`, tuning);
    expect(of("connection_limit=3&pool_timeout=7&connect_timeout=2")).toMatchObject({
      poolSize: 3,
      connectTimeoutMs: 7_000,
    });
    expect(of("", { poolSize: 4 }).poolSize).toBe(4);
    expect(of("connection_limit=3", { poolSize: 4 }).poolSize).toBe(3);
    expect(of("connection_limit=3", { parameters: { connection_limit: "5", sslmode: "require" } })).toMatchObject({
      poolSize: 5,
      ssl: { mode: "require" },
    });
    expect(of("sslmode=require&sslaccept=strict").ssl.mode).toBe("verify-full");
    expect(of("sslmode=require&sslaccept=accept_invalid_certs").ssl.mode).toBe("require");
    expect(of(`sslmode=require&sslcert=${ca}`).ssl).toMatchObject({ ca: expect.stringContaining("BEGIN") });
    const both = of(`sslmode=verify-ca&sslrootcert=${ca}&sslcert=${ca}&sslkey=${key}`).ssl;
    expect(Object.keys(both).toSorted()).toEqual(["ca", "cert", "key", "mode"]);
    expect(() => of("sslrootcert=/gone.pem")).toThrow("sslrootcert in the database address: /gone.pem cannot be read");
    expect(of("pgbouncer=true&application_name=mine")).toMatchObject({ bouncer: true, applicationName: "mine" });
  });

  test("is refused without its password in the message", () => {
    for (const [address, message] of [
      ["postgres://u:sec/ret@h/x y", "percent-encoded"],
      ["postgres://u:secret@h/x?sslmode=maybe", "sslmode is one of"],
      ["postgres://u:secret@h/x?connection_limit=0", "connection_limit"],
      ["mysql://u:secret@h/x", 'not with "mysql:"'],
    ] as const) {
      let said = "";
      try {
        openDatabase({ url: address });
      } catch (error) {
        said = String(error);
      }
      expect(said).toContain(message);
      expect(said).not.toContain("secret");
    }
  });

  test("comes from the configuration, the environment, its parts, or not at all", () => {
    const of = (env: Record<string, string>, config = {}) => databaseLocation(env, config, "/data");
    expect(of({})).toEqual({ dataDir: "/data" });
    expect(of({ DATABASE_URL: "" })).toEqual({ dataDir: "/data" });
    expect(of({ DATABASE_URL: "postgres://a/b" }, { database_url: "postgres://c/d" })).toMatchObject({
      url: "postgres://c/d",
    });
    expect(of({ DATABASE_URL: "postgres://a/b" })).toMatchObject({ url: "postgres://a/b" });
    expect(
      of({
        POSTGRES_HOST: "h",
        POSTGRES_USER: "u",
        POSTGRES_PASSWORD: "p@:/",
        POSTGRES_LITELLM_DB: "llm",
        POSTGRES_PORT: "5433",
      }),
    ).toMatchObject({ url: "postgres://u:p%40%3A%2F@h:5433/llm" });
    expect(of({ DATABASE_HOST: "h", DATABASE_USER: "u", DATABASE_NAME: "n", DATABASE_SCHEMA: "s" })).toMatchObject({
      url: "postgres://u@h:5432/n?schema=s",
    });
    expect(
      of({ DATABASE_URL: "postgres://a/b" }, { database_connection_pool_limit: 4, database_statement_timeout: 1.5 }),
    ).toEqual({ url: "postgres://a/b", tuning: { poolSize: 4, statementTimeoutMs: 1500 } });
    const named = {
      database_connection_pool_limit: 7,
      database_connection_timeout: 3,
      database_lock_timeout: 2,
      database_idle_in_transaction_session_timeout: 5,
      database_max_idle_connection_lifetime: 9,
      database_disable_prepared_statements: true,
      database_extra_connection_params: { sslmode: "require", connection_limit: 2, odd: [1] },
    };
    expect(of({ DATABASE_URL: "postgres://a/b" }, named)).toEqual({
      url: "postgres://a/b",
      tuning: {
        poolSize: 7,
        connectTimeoutMs: 3_000,
        lockTimeoutMs: 2_000,
        idleInTransactionTimeoutMs: 5_000,
        idleTimeoutMs: 9_000,
        parameters: { pgbouncer: "true", sslmode: "require", connection_limit: "2" },
      },
    });
  });
});

test("a breaker opens after three failures in a row and lets one call through after a while", () => {
  let now = 0;
  const breaker = new Breaker(() => now);
  breaker.failed();
  breaker.failed();
  breaker.succeeded();
  breaker.failed();
  breaker.failed();
  expect([breaker.open, breaker.failing]).toEqual([false, false]);
  breaker.failed();
  expect([breaker.open, breaker.failing]).toEqual([true, true]);
  now = 1_001;
  expect([breaker.open, breaker.failing]).toEqual([false, true]);
  breaker.failed();
  expect(breaker.open).toBe(true);
  breaker.succeeded();
  expect([breaker.open, breaker.failing]).toEqual([false, false]);
});

describe.skipIf(postgres === undefined)("on a real server", () => {
  const url = postgres?.url as string;

  test("the schema of the address comes first", async () => {
    await postgres?.query('CREATE SCHEMA "with space"');
    const database = openDatabase({ url: `${url}?schema=${encodeURIComponent("with space")}` });
    const { rows } = await sql`SELECT current_schema() AS name`.execute(database.kysely);
    expect(rows).toEqual([{ name: "with space" }]);
    await database.close();
  });

  test("a statement that takes too long fails, and its connection still serves", async () => {
    const database = openDatabase({ url, tuning: { statementTimeoutMs: 100, poolSize: 1 } });
    await expect(sql`SELECT pg_sleep(10)`.execute(database.kysely)).rejects.toThrow("statement timeout");
    expect((await sql`SELECT 1 AS one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await database.close();
  });

  test("bounds are the server's own, and what the address says of them wins", async () => {
    const shown = async (address: string, tuning = {}) => {
      const database = openDatabase({ url: address, tuning });
      const { rows } = await sql<Record<string, string>>`SELECT current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle,
        current_setting('application_name') AS name`.execute(database.kysely);
      await database.close();
      return rows[0];
    };
    expect(await shown(url)).toEqual({ statement: "30s", lock: "10s", idle: "1min", name: "isthmus" });
    expect(
      await shown(url, { statementTimeoutMs: 1_500, lockTimeoutMs: 0, idleInTransactionTimeoutMs: 5_000 }),
    ).toEqual({ statement: "1500ms", lock: "0", idle: "5s", name: "isthmus" });
    const options = encodeURIComponent("-c statement_timeout=7000 -c work_mem=8MB");
    expect(await shown(`${url}?options=${options}&application_name=mine`)).toMatchObject({
      statement: "7s",
      lock: "10s",
      name: "mine",
    });
    expect(await shown(`${url}?pgbouncer=true`)).toMatchObject({ statement: "0", lock: "0" });
  });

  test("no more connections than the limit, and a wait for a free one that ends", async () => {
    const database = openDatabase({ url: `${url}?connection_limit=2&pool_timeout=1&application_name=limited` });
    const busy = [1, 2, 3].map(() => sql`SELECT pg_sleep(1.6)`.execute(database.kysely));
    await Bun.sleep(300);
    const seen = await postgres?.query<{ n: bigint }>(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'limited'",
    );
    expect(Number(seen?.[0]?.n)).toBe(2);
    const ends = await Promise.allSettled(busy);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    await database.close();
  });

  test("connections that the server ended are replaced", async () => {
    const database = openDatabase({ url, tuning: { poolSize: 1 } });
    const killed = sql`SELECT pg_terminate_backend(pg_backend_pid())`.execute(database.kysely);
    await expect(killed).rejects.toThrow();
    expect((await sql`SELECT 1 AS one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await expect(
      database.kysely
        .transaction()
        .execute((transaction) => sql`SELECT pg_terminate_backend(pg_backend_pid())`.execute(transaction)),
    ).rejects.toThrow();
    expect((await sql`SELECT 1 AS one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await database.close();
  });

  test("a server that is not there opens the breaker", async () => {
    const database = openDatabase({ url: `postgres://u@127.0.0.1:${freePort()}/x` });
    for (let index = 0; index < 3; index++) {
      await expect(sql`SELECT 1`.execute(database.kysely)).rejects.toThrow();
    }
    expect(database.away).toBe(true);
    await expect(sql`SELECT 1`.execute(database.kysely)).rejects.toThrow("cannot be reached at the moment");
    await database.close();
  });
});
