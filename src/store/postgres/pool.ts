import { type ClientConfig, Pool, type PoolConfig, types } from "pg";
import type { PostgresSettings } from "./settings.ts";

/** How much longer the client waits than the server, so that the server's own message comes first. */
const GRACE_MS = 2_000;

const INT8 = 20;
const NUMERIC = 1700;

/** Integers as bigint, and so the sums of them, which PostgreSQL gives as `numeric`. */
const readers = new Map<number, (text: string) => unknown>([
  [INT8, BigInt],
  [NUMERIC, (text) => (/^-?\d+$/.test(text) ? BigInt(text) : Number(text))],
]);

type TypeParser = (text: string) => unknown;

/** A pool of connections that share the settings. Connections that break while idle are dropped without a word. */
export function openPool(settings: PostgresSettings, size: number = settings.poolSize): Pool {
  const { ssl } = settings;
  const config: PoolConfig & ClientConfig = {
    host: settings.host,
    port: settings.port,
    user: settings.user,
    database: settings.database,
    application_name: settings.applicationName,
    max: size,
    idleTimeoutMillis: settings.idleTimeoutMs,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    // A server that no longer answers at all.
    ...(settings.statementTimeoutMs === 0 ? {} : { query_timeout: settings.statementTimeoutMs + GRACE_MS }),
    options: serverOptions(settings),
    keepAlive: true,
    types: {
      getTypeParser: ((oid: number, format?: "text" | "binary") =>
        readers.get(oid) ?? types.getTypeParser(oid, format as "text")) as (oid: number) => TypeParser,
    },
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ssl:
      ssl.mode === "disable"
        ? false
        : {
            rejectUnauthorized: ssl.mode !== "require",
            ...(ssl.mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
            ...(ssl.ca === undefined ? {} : { ca: ssl.ca }),
            ...(ssl.cert === undefined ? {} : { cert: ssl.cert }),
            ...(ssl.key === undefined ? {} : { key: ssl.key }),
          },
  };
  const pool = new Pool(config);
  // Without a listener a server that stops would end this process; whoever asks next learns of it.
  pool.on("error", () => undefined);
  // The same for a connection that breaks while somebody has it but asks nothing, between two statements.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Settings of the server for each connection. What the address says itself comes last, and so wins. */
function serverOptions({ schema, options, ...settings }: PostgresSettings): string {
  const bounds = [
    ["statement_timeout", settings.statementTimeoutMs],
    ["lock_timeout", settings.lockTimeoutMs],
    ["idle_in_transaction_session_timeout", settings.idleInTransactionTimeoutMs],
  ] as const;
  return [
    // A PgBouncer refuses connections that begin with settings it does not know.
    ...bounds.flatMap(([name, ms]) => (ms === 0 || settings.bouncer ? [] : [`-c ${name}=${Math.ceil(ms)}`])),
    ...(schema === undefined ? [] : [`-c search_path=${quoted(schema)}`]),
    ...(options === undefined ? [] : [options]),
  ].join(" ");
}

/** Spaces and backslashes are the separators of the start message's options. */
function quoted(schema: string): string {
  return `"${schema.replaceAll('"', '""')}"`.replace(/[\\ ]/g, "\\$&");
}
