import { asArray, asNumber, asObject, asString, type Json, type JsonObject } from "../../json/json.ts";

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how it is spoken to. Never logged: it holds the password. */
export interface RedisSettings {
  readonly topology:
    | { readonly kind: "single"; readonly node: RedisNode }
    | { readonly kind: "socket"; readonly path: string }
    | { readonly kind: "cluster"; readonly nodes: readonly RedisNode[] }
    | {
        readonly kind: "sentinel";
        readonly nodes: readonly RedisNode[];
        /** The name under which the sentinels know the primary. */
        readonly service: string;
        readonly password?: string;
      };
  readonly username?: string;
  readonly password?: string;
  /** Number of the database; a cluster has only 0. */
  readonly db: number;
  readonly tls?: RedisTls;
  /** Seconds until a command that has not been answered counts as failed. */
  readonly commandTimeout: number;
  /** Seconds until a connection attempt counts as failed. */
  readonly connectTimeout: number;
}

export interface RedisTls {
  readonly verify: boolean;
  readonly checkHostname: boolean;
  /** PEM file of the authority that signed the server's certificate; default the system's. */
  readonly caFile?: string;
  /** The same as text. */
  readonly ca?: string;
  /** PEM files with which this side shows who it is. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly keyPassword?: string;
}

/** What is wrong with an address of Redis; the message names the key and never shows a password. */
export class RedisSettingsError extends Error {
  override readonly name = "RedisSettingsError";
}

const DEFAULT_PORT = 6379;
const SENTINEL_PORT = 26379;
/** Short: a request that waits for Redis waits in vain when Redis is slow. */
const COMMAND_TIMEOUT = 0.5;
const CONNECT_TIMEOUT = 2;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the keys that LiteLLM has for Redis (`host`, `port`, `url`, `redis_startup_nodes`, `sentinel_nodes` …). What they
 * leave open comes from `REDIS_HOST`, `REDIS_URL` and the other variables; a variable never overrides a key, so a
 * `host` that is written down wins over a `REDIS_URL` of the environment. Undefined when nothing says where Redis is.
 */
export function redisSettingsOf(keys: JsonObject, environment: Environment): RedisSettings | undefined {
  const read = (name: string): Json | undefined => keys[name] ?? fromEnvironment(environment, name);
  const url = textOf(keys.url) ?? (says(keys, ADDRESS_KEYS) ? undefined : environmentText(environment, "REDIS_URL"));
  const address = url === undefined ? undefined : parseUrl(url);
  const topology = topologyOf(keys, environment, read, address);
  if (topology === undefined) return undefined;
  const username = textOf(keys.username) ?? address?.username ?? textOf(read("username"));
  const password = textOf(keys.password) ?? address?.password ?? textOf(read("password"));
  const tls = tlsOf(read, address?.tls === true);
  return {
    topology,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    db: topology.kind === "cluster" ? 0 : (wholeOf(keys.db, "db") ?? address?.db ?? wholeOf(read("db"), "db") ?? 0),
    ...(tls === undefined ? {} : { tls }),
    commandTimeout: positiveOf(read("socket_timeout"), "socket_timeout") ?? COMMAND_TIMEOUT,
    connectTimeout: positiveOf(read("socket_connect_timeout"), "socket_connect_timeout") ?? CONNECT_TIMEOUT,
  };
}

/** True when both lead to the same database with the same credentials, so that one connection serves both. */
export function sameRedis(a: RedisSettings, b: RedisSettings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

const ADDRESS_KEYS = ["host", "redis_startup_nodes", "startup_nodes", "sentinel_nodes"];

function says(keys: JsonObject, names: readonly string[]): boolean {
  return names.some((name) => keys[name] !== undefined && keys[name] !== null);
}

function topologyOf(
  keys: JsonObject,
  environment: Environment,
  read: (name: string) => Json | undefined,
  address: RedisAddress | undefined,
): RedisSettings["topology"] | undefined {
  const own = keys.redis_startup_nodes ?? keys.startup_nodes;
  // A host or an address that is written down beats lists of nodes of the environment.
  const written = says(keys, ["host", "url"]);
  const startup = own ?? (written ? undefined : environmentJson(environment, "REDIS_CLUSTER_NODES"));
  const cluster = nodesOf(startup, "redis_startup_nodes", DEFAULT_PORT);
  if (cluster.length > 0) return { kind: "cluster", nodes: cluster };
  const sentinels = nodesOf(
    keys.sentinel_nodes ?? (written ? undefined : environmentJson(environment, "REDIS_SENTINEL_NODES")),
    "sentinel_nodes",
    SENTINEL_PORT,
  );
  if (sentinels.length > 0) {
    const service = textOf(read("service_name"));
    if (service === undefined) throw new RedisSettingsError("sentinel_nodes needs service_name, the primary's name");
    const password = textOf(read("sentinel_password"));
    return { kind: "sentinel", nodes: sentinels, service, ...(password === undefined ? {} : { password }) };
  }
  if (address?.path !== undefined) return { kind: "socket", path: address.path };
  if (address !== undefined) return { kind: "single", node: { host: address.host, port: address.port } };
  const host = textOf(read("host"));
  if (host === undefined) return undefined;
  return { kind: "single", node: { host, port: wholeOf(read("port"), "port") ?? DEFAULT_PORT } };
}

interface RedisAddress extends RedisNode {
  readonly path?: string;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly db?: number;
}

function parseUrl(text: string): RedisAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new RedisSettingsError("the address of Redis is no URL; expected redis://user:password@host:port/0");
  }
  if (!["redis:", "rediss:", "unix:"].includes(url.protocol)) {
    throw new RedisSettingsError(
      `the address of Redis must begin with redis://, rediss:// or unix://, not ${url.protocol}//`,
    );
  }
  const database = url.protocol === "unix:" ? url.searchParams.get("db") : url.pathname.slice(1);
  const db = database === null || database === "" ? undefined : wholeOf(database, "the database in the address");
  const username = decode(url.username);
  const password = decode(url.password);
  return {
    host: url.hostname === "" ? "localhost" : url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? DEFAULT_PORT : Number(url.port),
    ...(url.protocol === "unix:" ? { path: decodeURIComponent(url.pathname) } : {}),
    tls: url.protocol === "rediss:",
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(db === undefined ? {} : { db }),
  };
}

function decode(part: string): string | undefined {
  if (part === "") return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RedisSettingsError("the address of Redis holds a % that encodes nothing; write it as %25");
  }
}

/** `[{host, port}]`, `[[host, port]]` or `["host:port"]`. */
function nodesOf(value: Json | undefined, key: string, defaultPort: number): RedisNode[] {
  return asArray(value).map((item, index) => {
    const pair = Array.isArray(item) ? (item as readonly Json[]) : undefined;
    const text = asString(item);
    const host = textOf(pair?.[0] ?? asObject(item)?.host) ?? text?.replace(/:\d+$/, "");
    const port = pair?.[1] ?? asObject(item)?.port ?? (text === undefined ? undefined : /:(\d+)$/.exec(text)?.[1]);
    if (host === undefined || host === "") throw new RedisSettingsError(`${key}[${index}] names no host`);
    return { host, port: wholeOf(port, `${key}[${index}].port`) ?? defaultPort };
  });
}

function tlsOf(read: (name: string) => Json | undefined, byAddress: boolean): RedisTls | undefined {
  if (!byAddress && !isTrue(read("ssl"))) return undefined;
  const requirement = textOf(read("ssl_cert_reqs"))?.toLowerCase();
  const caFile = textOf(read("ssl_ca_certs")) ?? textOf(read("gcp_ssl_ca_certs"));
  const ca = textOf(read("ssl_ca_data"));
  const certificateFile = textOf(read("ssl_certfile"));
  const keyFile = textOf(read("ssl_keyfile"));
  const keyPassword = textOf(read("ssl_password"));
  if (keyFile !== undefined && certificateFile === undefined) {
    throw new RedisSettingsError("ssl_keyfile needs ssl_certfile, the certificate that the key belongs to");
  }
  return {
    verify: requirement !== "none" && requirement !== "cert_none" && requirement !== "0" && requirement !== "false",
    checkHostname: read("ssl_check_hostname") !== false && read("ssl_check_hostname") !== "false",
    ...(caFile === undefined ? {} : { caFile }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificateFile === undefined ? {} : { certificateFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(keyPassword === undefined ? {} : { keyPassword }),
  };
}

function fromEnvironment(environment: Environment, name: string): string | undefined {
  return environmentText(environment, `REDIS_${name.toUpperCase()}`);
}

function environmentText(environment: Environment, variable: string): string | undefined {
  const value = environment[variable];
  return value === undefined || value.trim() === "" ? undefined : value.trim();
}

function environmentJson(environment: Environment, variable: string): Json | undefined {
  const text = environmentText(environment, variable);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new RedisSettingsError(`${variable} must be a JSON list of nodes`);
  }
}

function textOf(value: Json | undefined): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isTrue(value: Json | undefined): boolean {
  return value === true || (typeof value === "string" && ["1", "true", "yes", "on"].includes(value.toLowerCase()));
}

function wholeOf(value: Json | undefined, name: string): number | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  if (!Number.isInteger(number) || number < 0) throw new RedisSettingsError(`${name} must be a whole number`);
  return number;
}

function positiveOf(value: Json | undefined, name: string): number | undefined {
  const number = numberOf(value);
  if (number === undefined) return undefined;
  if (!(number > 0)) throw new RedisSettingsError(`${name} must be a positive number of seconds`);
  return number;
}

function numberOf(value: Json | undefined): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "string" ? Number(value) : (asNumber(value) ?? Number.NaN);
}
