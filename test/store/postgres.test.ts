import { afterAll, describe, expect, test } from "bun:test";
import { sql } from "kysely";
import { openDatabase } from "../../src/store/database.ts";
import { databaseLocation } from "../../src/store/database-location.ts";
import { Breaker } from "../../src/store/postgres/breaker.ts";
import { nameOf, postgresSettings } from "../../src/store/postgres/settings.ts";
import { freePort } from "../support/gateway.ts";
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
