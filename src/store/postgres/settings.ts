import { readFileSync } from "node:fs";

/** How TLS is spoken: `verify-ca` checks the certificate, `verify-full` its host name too; `require` checks neither. */
export type SslMode = "disable" | "require" | "verify-ca" | "verify-full";

/** Where PostgreSQL is and how long the gateway waits for it. Times are milliseconds. */
export interface PostgresSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  /** The first schema of the search path; the server's own path when undefined. */
  readonly schema: string | undefined;
  readonly ssl: { readonly mode: SslMode; readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Connections of this process for queries; the ledger's writer has one of its own besides. */
  readonly poolSize: number;
  /** How long a query may wait for a free connection, and a new connection for the server. */
  readonly connectTimeoutMs: number;
  /** 0: no bound. */
  readonly statementTimeoutMs: number;
  /** 0: no bound but the statement's. */
  readonly lockTimeoutMs: number;
  /** How long a transaction may ask nothing before the server ends it; 0: no bound. */
  readonly idleInTransactionTimeoutMs: number;
  /** Idle connections are closed after this. */
  readonly idleTimeoutMs: number;
  /** libpq's `options`: settings of the server for each connection (`-c name=value`), which win over ours. */
  readonly options: string | undefined;
  /** Whether a PgBouncer stands between: then only this side bounds how long a statement takes. */
  readonly bouncer: boolean;
  /** How the server's own lists call these connections. */
  readonly applicationName: string;
}

export const POSTGRES_DEFAULTS = {
  poolSize: 10,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 10_000,
  idleInTransactionTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
} as const;

/** What may be set beside the address. */
export interface PostgresTuning extends Partial<Pick<PostgresSettings, keyof typeof POSTGRES_DEFAULTS>> {
  /** Parameters that win over those of the address (`database_extra_connection_params`). */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** libpq's mode `prefer` tries TLS and goes on without; an address that does not insist gets none, as with `disable`. */
const SSL_MODES: Readonly<Record<string, SslMode>> = {
  disable: "disable",
  allow: "disable",
  prefer: "disable",
  require: "require",
  "no-verify": "require",
  "verify-ca": "verify-ca",
  "verify-full": "verify-full",
};

/**
 * Reads an address like `postgres://user:password@host:5432/database?sslmode=require&schema=public`. The parameters are
 * libpq's (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `connect_timeout`, `options`, `application_name`) and those that
 * Prisma reads (`schema`, `connection_limit`, `pool_timeout`, `pgbouncer`, `sslaccept`; its `sslcert`, without `sslkey`, is the
 * authority's certificate). What stands in the address wins over `tuning`, but for `tuning.parameters`. Others are left
 * alone, because they concern other programs.
 *
 * Throws when the address cannot be understood; the message never repeats the password.
 */
export function postgresSettings(address: string, tuning: PostgresTuning = {}): PostgresSettings {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new Error(
      "the database address is not a URL; a password with characters like @ / # must have them percent-encoded",
    );
  }
  if (!isPostgresAddress(address)) throw new Error(`"${url.protocol}" is not PostgreSQL's; use postgres://`);
  const database = decodeURIComponent(url.pathname.replace(/^\//, ""));
  const user = decodeURIComponent(url.username);
  const { searchParams } = url;
  for (const [name, value] of Object.entries(tuning.parameters ?? {})) searchParams.set(name, value);
  const host = searchParams.get("host") ?? url.hostname.replace(/^\[|\]$/g, "");
  return {
    host: host === "" ? "localhost" : host,
    port: url.port === "" ? 5432 : Number(url.port),
    user: user === "" ? "postgres" : user,
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    database: database === "" ? (user === "" ? "postgres" : user) : database,
    schema: searchParams.get("schema") ?? undefined,
    ssl: sslOf(searchParams),
    poolSize: whole(searchParams, "connection_limit", 1) ?? tuning.poolSize ?? POSTGRES_DEFAULTS.poolSize,
    connectTimeoutMs:
      whole(searchParams, "pool_timeout", 1000) ??
      whole(searchParams, "connect_timeout", 1000) ??
      tuning.connectTimeoutMs ??
      POSTGRES_DEFAULTS.connectTimeoutMs,
    statementTimeoutMs: tuning.statementTimeoutMs ?? POSTGRES_DEFAULTS.statementTimeoutMs,
    lockTimeoutMs: tuning.lockTimeoutMs ?? POSTGRES_DEFAULTS.lockTimeoutMs,
    idleInTransactionTimeoutMs: tuning.idleInTransactionTimeoutMs ?? POSTGRES_DEFAULTS.idleInTransactionTimeoutMs,
    idleTimeoutMs: tuning.idleTimeoutMs ?? POSTGRES_DEFAULTS.idleTimeoutMs,
    options: searchParams.get("options") ?? undefined,
    bouncer: searchParams.get("pgbouncer") === "true",
    applicationName: searchParams.get("application_name") ?? "isthmus",
  };
}

export function isPostgresAddress(address: string): boolean {
  return /^postgres(ql)?:/i.test(address);
}

/** The address in words that may be logged. */
export function nameOf(settings: PostgresSettings): string {
  return `${settings.host}:${settings.port}/${settings.database}`;
}

function sslOf(parameters: URLSearchParams): PostgresSettings["ssl"] {
  const asked = parameters.get("sslmode");
  const mode = asked === null ? "disable" : SSL_MODES[asked];
  if (mode === undefined) {
    throw new Error(`sslmode is one of ${Object.keys(SSL_MODES).join(", ")}, not "${asked}"`);
  }
  const file = (name: string) => {
    const path = parameters.get(name);
    if (path === null) return undefined;
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new Error(`${name} in the database address: ${path} cannot be read`, { cause });
    }
  };
  const key = file("sslkey");
  const given = file("sslcert");
  const ca = file("sslrootcert") ?? (key === undefined ? given : undefined);
  const cert = key === undefined ? undefined : given;
  // Prisma's word for checking the certificate; its `require` alone accepts any, as libpq's does.
  const strict = mode === "require" && parameters.get("sslaccept") === "strict";
  return {
    mode: strict ? "verify-full" : mode,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function whole(parameters: URLSearchParams, name: string, unit: number): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000) {
    throw new Error(`${name} in the database address is a whole number from 1, not "${text}"`);
  }
  return value * unit;
}
